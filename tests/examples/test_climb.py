"""Black boxes that climb write what they write in one piece, and finished rows wait for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[..., Any]
COUNT = 32


@pytest.fixture(scope="module")
def sources(example: Load) -> list[list[int]]:
    """The tokens of 32 texts."""
    small = example("small")
    tokenizer = small.tokenizer()
    return [tokenizer(text).input_ids for text in small.texts(COUNT, median=12, high=40, seed=5)]


@pytest.fixture(scope="module")
def climb_generate(example: Load) -> Any:
    """The example of `generate`."""
    return example("climb_generate")


@pytest.fixture(scope="module")
def climb_encoder_decoder(example: Load) -> Any:
    """The example of an encoder-decoder."""
    return example("climb_encoder_decoder")


def in_one_piece(model: Any, source: list[int], most: int) -> list[int]:
    """Returns what `generate` writes after one source alone."""
    ids = pytest.importorskip("torch").tensor([source])
    options = {"max_new_tokens": most, "do_sample": False, "pad_token_id": 0}
    [output] = model.generate(ids, attention_mask=ids.ne(-1).long(), **options).tolist()
    answer: list[int] = output[1 if model.config.is_encoder_decoder else len(source) :]
    return answer


def assert_they_differ_in_length(answers: list[list[int]]) -> None:
    """Checks that some end in the first bin and some only in the last one."""
    lengths = sorted(map(len, answers))
    assert lengths[0] <= 8
    assert lengths[-1] > 32
    assert len(set(lengths)) >= 6


def test_generate_cut_at_the_edges_writes_the_same(
    climb_generate: Any, example: Load, sources: list[list[int]]
) -> None:
    writer = climb_generate.Writer(example("small").causal_model())
    with climb_generate.batcher(writer) as write:
        outputs = [*write.map(map(climb_generate.Text, sources))]
    assert_they_differ_in_length(outputs)
    for source, output in zip(sources, outputs, strict=True):
        assert output == in_one_piece(writer.model, source, climb_generate.MOST)


def test_an_encoder_decoder_that_climbs_answers_the_same(
    climb_encoder_decoder: Any, example: Load, sources: list[list[int]]
) -> None:
    translator = climb_encoder_decoder.Translator(example("small").encoder_decoder())
    with climb_encoder_decoder.batcher(translator) as translate:
        answers = [*translate.map(map(climb_encoder_decoder.Job, sources))]
    assert_they_differ_in_length(answers)
    for source, answer in zip(sources, answers, strict=True):
        assert answer == in_one_piece(translator.model, source, climb_encoder_decoder.MOST)


def test_finished_rows_are_answered_while_the_others_climb(
    climb_encoder_decoder: Any, example: Load, sources: list[list[int]]
) -> None:
    fresh: list[int] = []
    finished: list[int] = []
    answered: list[int] = []

    class Watched(climb_encoder_decoder.Translator):  # type: ignore[misc]
        def encode(self, jobs: list[Any]) -> list[Any]:
            fresh.append(sum(job.encoded is None for job in jobs))
            # The rows that finished in earlier batches have their answers.
            assert len(answered) == len(finished)
            return super().encode(jobs)  # type: ignore[no-any-return]

        def after(self, job: Any, new: list[int]) -> Any:
            answer = super().after(job, new)
            if isinstance(answer, list):
                finished.append(len(fresh))
            return answer

    translator = Watched(example("small").encoder_decoder())
    with climb_encoder_decoder.batcher(translator) as translate:
        futures = [translate.submit(climb_encoder_decoder.Job(one)) for one in sources]
        for future in futures:
            future.add_done_callback(lambda done: answered.append(len(done.result())))
    answers = [future.result(timeout=0) for future in futures]
    assert sorted(answered) == sorted(map(len, answers))
    # The encoder sees each source once, however often the answer climbs.
    assert sum(fresh) == COUNT
    # Some batch begins no answer and continues some, after others have been answered.
    assert any(fresh[batch] == 0 and batch > finished[0] for batch in range(len(fresh)))


@pytest.mark.parametrize("name", ["climb_generate", "climb_encoder_decoder"])
def test_it_runs_as_a_program(
    name: str,
    example: Load,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", [name])
    example(name).main()
    said, *lengths = capsys.readouterr().out.splitlines()[0].split()
    assert said == "tokens:"
    assert len(lengths) == 32
    assert max(map(int, lengths)) <= 64
