"""`multibin score`: scores in order, bad lines by number, and runs that continue others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.cli import main

pytest.importorskip("torch", reason="the command needs the extra `llm`")

from multibin.llm._jobs.output import Output
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.reward import RewardModel
from multibin.reward._job.lines import kept, parse

CANDIDATES = ["One and one.\n\nThe answer is 2.", ["It is 3.", "The answer is 3."], "Two."]


def write(*lines: Any) -> str:
    """Writes lines: text as it is, other things as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    Path("in.jsonl").write_text("\n".join(texts) + "\n")
    return "in.jsonl"


def answers(name: str = "out.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def questions(count: int) -> list[dict[str, Any]]:
    return [
        {"question": "a" * (i % 7 + 1), "candidates": CANDIDATES[: i % 3 + 1], "custom_id": i}
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def model() -> RewardModel:
    """What the command builds in."""
    return RewardModel(tiny_model(), ByteTokenizer())


def test_scores_are_those_of_the_model_in_order(
    model: RewardModel, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = questions(20)
    assert main(["score", write(*lines), "out.jsonl", "--window=6", "--max-tokens=200"]) == 0
    found = answers()
    assert [one["line"] for one in found] == list(range(1, 21))
    assert [one["custom_id"] for one in found] == list(range(20))
    for one, line in zip(found, lines, strict=True):
        alone = model.score(line["question"], line["candidates"])
        assert len(one["scores"]) == len(alone)
        for have, want in zip(one["scores"], alone, strict=True):
            assert have == pytest.approx(want.tolist(), abs=1e-6)
        assert one["aggregate"] == [min(steps) for steps in one["scores"]]
    said = capsys.readouterr()
    assert "20 lines answered" in said.err
    assert "random weights" in said.err
    assert said.out == ""


CHAT = [{"role": "user", "content": "1 + 1?"}]
SAME = [
    {"question": "1 + 1?", "candidates": [["One.", "It is 2."]]},
    {"question": "1 + 1?", "candidates": ["One.\n\nIt is 2."]},
    {"prompt": "1 + 1?", "completion": "One.\n\nIt is 2."},
    {"prompt": "1 + 1?", "completions": ["One.", "It is 2."], "labels": [True, True]},
    {"problem": "1 + 1?", "steps": ["One.", "It is 2."], "id": "math-1", "label": -1},
    {"prompt": CHAT, "completion": [{"role": "assistant", "content": "One.\n\nIt is 2."}]},
    {
        "prompt": [{"role": "system", "content": "Think."}, *CHAT],
        "candidates": [
            [
                {"role": "assistant", "content": [{"type": "text", "text": "One."}]},
                {"role": "tool", "content": "7"},
                {"role": "assistant", "content": "It is 2."},
            ]
        ],
    },
]


def test_lines_of_all_forms_are_read_alike() -> None:
    assert main(["score", write(*SAME), "out.jsonl"]) == 0
    found = answers()
    assert len(found[0]["scores"][0]) == 2
    for one in found:
        assert one["scores"] == [pytest.approx(found[0]["scores"][0], abs=1e-6)]


def test_token_ids_are_read() -> None:
    ids = list(b"It is 2.")
    plain = {"question": "1?", "candidates": ["It is 2."]}
    steps = {"question": list(b"1?"), "steps": [ids]}
    assert main(["score", write(plain, steps), "out.jsonl"]) == 0
    first, second = answers()
    assert first["scores"] == second["scores"]


def test_other_fields_are_kept() -> None:
    line = {
        "question": "q",
        "candidates": ["a"],
        "custom_id": [1],
        "id": "x",
        "half": "\ud800",
        "scores": 7,
        "error": "old",
        "line": 99,
        "choice": 1,
        "aggregate": None,
    }
    bad = line | {"candidates": []}
    assert main(["score", write(line, bad), "out.jsonl"]) == 1
    good, failed = answers()
    others = {"custom_id": [1], "id": "x", "half": "\ud800"}
    assert good == {"line": 1, **others, "scores": good["scores"], "aggregate": good["aggregate"]}
    assert failed == {"line": 2, **others, "error": failed["error"]}


@given(st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=5)))
def test_any_other_fields_are_kept(others: dict[str, Any]) -> None:
    others = kept(others)
    line = json.dumps({**others, "question": "q", "candidates": ["a"]}).encode()
    assert parse(line).kept == others


TEXTS = ["The answer is 4.", "The answer is 5.", "Hm.", "Well.\n\nThe answer is 4."]


@pytest.mark.parametrize(
    ("how", "aggregate", "voters"),
    [
        # The first with that answer, its heaviest, the heaviest with an answer.
        ("majority_vote", "min", [0]),
        ("weighted_majority_vote", "mean", [0, 3]),
        ("best_of_n", "max", [0, 1, 3]),
    ],
)
def test_one_is_chosen(how: str, aggregate: str, voters: list[int]) -> None:
    line = {"question": "2 + 2?", "candidates": TEXTS}
    options = [f"--choose={how}", f"--aggregate={aggregate}"]
    assert main(["score", write(line), "out.jsonl", *options]) == 0
    [found] = answers()
    best = max(voters, key=lambda at: found["aggregate"][at])
    assert found["choice"] == {"index": best, "answer": "5" if best == 1 else "4"}


BAD = [
    ("{", "the line must be JSON"),
    ("[" * 100_000, "the line must be JSON"),
    ([1], "the line must be a JSON object, got [1]"),
    ({"candidates": ["a"]}, "the line must have exactly one of the fields question, prompt"),
    ({"question": "q", "prompt": "q", "candidates": ["a"]}, "got ['question', 'prompt']"),
    ({"question": "q"}, "completion, completions, steps, got ['question']"),
    ({"question": "q", "completion": None}, "completions, steps, got {'completion': None}"),
    ({"question": "q", "candidates": []}, "candidates must be at least one candidate, got []"),
    ({"question": "q", "candidates": "a"}, "candidates must be a list of candidates, got 'a'"),
    ({"question": "q", "candidates": [7]}, "candidates[0] must be a text, steps or token ids"),
    ({"question": "q", "candidates": ["a", "\n\n "]}, "candidates[1] must be at least one step"),
    ({"question": "q", "steps": "a"}, "steps must be a list of steps, got 'a'"),
    ({"question": "q", "steps": [1, 2]}, "steps[0] must be a text or its token ids, got 1"),
    ({"question": "q", "steps": ["a", " "]}, "candidates[0][1] must be a text that is not blank"),
    ({"question": " ", "steps": ["a"]}, "question must be a text that is not blank, got ' '"),
    ({"question": 5, "steps": ["a"]}, "question must be a text or its token ids, got 5"),
    ({"question": "q", "candidates": ["a" * 2000]}, "candidates[0] must have at most 1024 tokens"),
    ({"question": "q", "candidates": [[[999]]]}, "token ids below 259"),
    ({"prompt": CHAT * 2, "completion": "a"}, "prompt must be a chat with one user message"),
    ({"prompt": [{"content": "q"}], "completion": "a"}, "prompt[0] must be a message with a role"),
]


def test_bad_lines_are_answered_with_their_errors(capsys: pytest.CaptureFixture[str]) -> None:
    good = {"question": "q", "candidates": ["a"]}
    lines = [line for bad, _ in BAD for line in (bad, good)]
    assert main(["score", write(*lines), "out.jsonl", "--window=9"]) == 1
    found = answers()
    assert len(found) == 2 * len(BAD)
    for one, (_, message) in zip(found[::2], BAD, strict=True):
        assert message in one["error"]["message"]
    assert all("scores" in one for one in found[1::2])
    assert f"{len(BAD)} failed, the first: line 1: the line must be JSON" in capsys.readouterr().err


def test_a_vote_that_cannot_read_a_candidate_is_an_error() -> None:
    ids = {"question": "q", "candidates": [[97, 98]]}
    text = {"question": "q", "candidates": ["ab"]}
    assert main(["score", write(ids, text), "out.jsonl", "--choose=best_of_n"]) == 1
    first, second = answers()
    assert "must be a str or a list of steps, got [97, 98]" in first["error"]["message"]
    assert second["choice"] == {"index": 0, "answer": None}


def test_a_pass_that_fails_fails_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from multibin.reward._scorer.scorer import Scorer

    call = Scorer.__call__

    def failing(self: Scorer, groups: Any) -> Any:
        if any(ord("!") in row.ids for group in groups for row in group):
            raise RuntimeError("no pass")
        return call(self, groups)

    monkeypatch.setattr(Scorer, "__call__", failing)
    lines = [{"question": "q", "candidates": ["a!" if at == 3 else "a"]} for at in range(7)]
    assert main(["score", write(*lines), "out.jsonl"]) == 1
    found = answers()
    assert [one["line"] for one in found if "error" in one] == [4]
    assert found[3]["error"] == {"code": "RuntimeError", "message": "no pass"}


def test_logits_that_are_not_finite_fail_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from multibin.reward._scorer.scorer import Scorer

    call = Scorer.__call__

    def spoilt(self: Scorer, groups: Any) -> Any:
        logits = call(self, groups)
        for group, several in zip(groups, logits, strict=True):
            for row, one in zip(group, several, strict=True):
                one[:] = float("nan") if ord("!") in row.ids else one
        return logits

    monkeypatch.setattr(Scorer, "__call__", spoilt)
    lines = [{"question": "q", "candidates": ["b", "a!" if at == 3 else "a"]} for at in range(5)]
    assert main(["score", write(*lines), "out.jsonl"]) == 1
    found = answers()
    assert [one["line"] for one in found if "error" in one] == [4]
    assert "candidates[1]: the logits of step 0 must be finite" in found[3]["error"]["message"]


def test_lines_of_one_question_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RewardModel] = []
    start = RewardModel.__init__

    def noted(self: RewardModel, *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(RewardModel, "__init__", noted)
    texts = ["b" * n for n in range(1, 60, 4)]
    lines = [{"prompt": q * 200, "completion": text} for text in texts for q in ("p", "q")]
    grouped = [{"question": q * 200, "candidates": texts} for q in ("p", "q")]
    small = "--max-tokens=300"
    assert main(["score", write(*lines), "out.jsonl", small]) == 0
    assert main(["score", write(*grouped), "other.jsonl", small]) == 0
    first, second = (one.stats()["computed_tokens"] for one in made)
    assert first == second
    apart = [scores for one in answers() for scores in one["scores"]]
    together = [one["scores"] for one in answers("other.jsonl")]
    assert apart[::2] == [pytest.approx(scores, abs=1e-6) for scores in together[0]]
    assert apart[1::2] == [pytest.approx(scores, abs=1e-6) for scores in together[1]]


@pytest.mark.parametrize("torn", ["", '{"line": 5, "sco', '{"line": 5}'])
def test_a_second_run_continues_the_first(torn: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(*questions(12))
    assert main(["score", "in.jsonl", "whole.jsonl", "--window=4"]) == 0
    whole = Path("whole.jsonl").read_text()
    Path("out.jsonl").write_text("".join(whole.splitlines(keepends=True)[:4]) + torn)
    assert main(["score", "in.jsonl", "out.jsonl", "--window=4"]) == 0
    assert Path("out.jsonl").read_text() == whole
    assert "8 lines answered, 4 skipped" in capsys.readouterr().err
    assert main(["score", "in.jsonl", "out.jsonl"]) == 0
    assert "0 lines answered, 12 skipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("a text\n", "out.jsonl must be new or an output of this command, its last line is"),
        ('{"line": 7}\n', "the input must have 7 lines, as many have answers"),
        ('{"line": 2, "custom_id": "x"}\n', "the output must be of this input"),
        ('{"line": 2, "custom_id": 1}\n', "got 1 answers to 2 lines"),
        ('{"line": 1}\n{"line": 1}\n', "got that to line 1 behind that to line 1"),
    ],
)
def test_other_outputs_are_left_alone(
    before: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.jsonl").write_text(before)
    assert main(["score", write(*questions(3)), "out.jsonl"]) == 2
    assert message in capsys.readouterr().err
    assert Path("out.jsonl").read_text() == before


def test_a_folder_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.reward.formats import vocabularies
    from tests.reward.load.tiny import build
    from transformers import AutoModelForTokenClassification, LlamaConfig

    tokenizer = vocabularies.byte_level()
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 128, "num_labels": 2}
    saved = build(AutoModelForTokenClassification, LlamaConfig, **sizes)
    saved.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    write({"question": "What is 1 + 1 ?", "candidates": ["It is 2 .\nSo 2 ."]})
    options = ["--model", str(tmp_path / "model"), "--format=trl", "--device=cpu"]
    assert main(["score", "in.jsonl", "out.jsonl", *options]) == 0
    [found] = answers()
    assert len(found["scores"][0]) == 2
    assert "random weights" not in capsys.readouterr().err


def test_an_output_that_another_run_writes_is_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("fcntl", reason="files are locked with fcntl")
    write(*questions(3))
    with Output("out.jsonl"):
        assert main(["score", "in.jsonl", "out.jsonl"]) == 2
    assert "out.jsonl must be" in (said := capsys.readouterr().err)
    assert "is being written by another run" in said
    assert main(["score", "in.jsonl", "out.jsonl"]) == 0
    assert len(answers()) == 3


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "multibin.cli", "score", *arguments]


def test_a_pipe_is_answered_and_progress_is_silent() -> None:
    line = json.dumps({"question": "1?", "candidates": ["a", "b"]}) + "\n"
    done = subprocess.run(
        command("-", "-"), input=line * 3, capture_output=True, text=True, check=True
    )
    found = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert [one["line"] for one in found] == [1, 2, 3]
    assert found[0]["scores"] == found[2]["scores"]
    assert done.stderr.splitlines() == [
        "the built-in model has random weights: its scores say nothing",
        "3 lines answered",
    ]


def test_ctrl_c_leaves_an_output_that_is_continued() -> None:
    line = {"question": "q" * 200, "candidates": ["a" * at + "b" for at in range(1, 300, 5)]}
    write(*[line] * 400)
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command("in.jsonl", "out.jsonl", "--window=1"),
        env=threads,
        stderr=subprocess.PIPE,
        text=True,
        # A run in the background has it ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 120
        while not Path("out.jsonl").exists() or not Path("out.jsonl").stat().st_size:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "lines answered; run again to continue" in said
    found = answers()
    assert [one["line"] for one in found] == list(range(1, len(found) + 1))
    assert 0 < len(found) < 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--window=0"], "window must be at least 1, got 0"),
        (["--max-tokens=0"], "max_tokens must be at least 1, got 0"),
        (["--width=0"], "width must be at least 1, got 0"),
        (["--tokenizer=any"], "tokenizer must be left out without --model, got 'any'"),
        (["--format=any"], "format must be one of 'versaprm'"),
        (["--format=outcome"], "must have a head of sequence"),
        (["--aggregate=median"], "aggregate must be one of 'min', 'mean'"),
        (["--choose=any_correct"], "choose must be one of 'majority_vote'"),
        (["--process-bench", "--threshold=nan"], "threshold must be finite, got nan"),
        (["--model=./nowhere"], "nowhere"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    refused(["score", write(*questions(1)), "out.jsonl", *arguments], message)
    assert not Path("out.jsonl").exists()


def test_a_missing_input_is_refused(refused: Callable[[list[str], str], None]) -> None:
    refused(["score", "nowhere.jsonl", "out.jsonl"], "nowhere.jsonl")
