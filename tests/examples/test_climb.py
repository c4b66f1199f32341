"""Black boxes that climb write what they write in one piece, and finished rows wait for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[..., Any]
COUNT = 20


@pytest.fixture(scope="module")
def sources(example: Load) -> list[list[int]]:
    """The tokens of some texts."""
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
    writer = climb_generate.Writer(example("small").causal_model(), example("small").tokenizer())
    with climb_generate.batcher(writer) as write:
        outputs = [*write.map(map(climb_generate.Text, sources))]
    assert_they_differ_in_length(outputs)
    for source, output in zip(sources, outputs, strict=True):
        assert output == in_one_piece(writer.model, source, climb_generate.MOST)


def test_an_encoder_decoder_that_climbs_answers_the_same(
    climb_encoder_decoder: Any, sources: list[list[int]]
) -> None:
    model, most = climb_encoder_decoder.model, climb_encoder_decoder.MOST
    answers = [*climb_encoder_decoder.decode.map(climb_encoder_decoder.encode.map(sources))]
    assert_they_differ_in_length(answers)
    for source, answer in zip(sources, answers, strict=True):
        assert answer == in_one_piece(model, source, most)


def test_finished_rows_are_answered_while_the_others_climb(
    climb_encoder_decoder: Any, sources: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    """The answers that each batch of the decoder begins."""
    finished: list[int] = []
    """After how many batches each answer was finished."""
    answered: list[int] = []
    model, text = climb_encoder_decoder.model, climb_encoder_decoder.Text
    real_generate, real_plus = model.generate, text.plus

    def generate(**inputs: Any) -> Any:
        # The rows that finished in earlier batches have their answers.
        assert len(answered) == len(finished)
        starts = inputs["decoder_attention_mask"].sum(1) == 1
        begun.append(int(starts.sum()))
        return real_generate(**inputs)

    def plus(*arguments: Any) -> Any:
        longer = real_plus(*arguments)
        if longer.finished:
            finished.append(len(begun))
        return longer

    monkeypatch.setattr(model, "generate", generate)
    monkeypatch.setattr(text, "plus", plus)
    texts = [*climb_encoder_decoder.encode.map(sources)]
    futures = [climb_encoder_decoder.decode.submit(one) for one in texts]
    for future in futures:
        future.add_done_callback(lambda done: answered.append(len(done.result())))
    lengths = [len(future.result(timeout=60)) for future in futures]
    assert sorted(answered) == sorted(lengths)
    # Some batch begins no answer and continues some, after others have been finished.
    assert any(begun[batch] == 0 and batch >= finished[0] for batch in range(len(begun)))


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
