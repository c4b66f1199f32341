"""`multibin generate`: answers in order, bad lines by number, and runs that continue others."""

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

from multibin.cli import main

pytest.importorskip("torch", reason="the command needs the extra `llm`")


def write(*lines: Any) -> str:
    """Writes lines: text as it is, other things as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    Path("in.jsonl").write_text("\n".join(texts) + "\n")
    return "in.jsonl"


def answers(name: str = "out.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def texts(name: str = "out.jsonl") -> list[str]:
    return [one["outputs"][0]["text"] for one in answers(name)]


def prompts(count: int, **others: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": "a" * (i % 9 + 1), "max_tokens": 1 + i * 7 % 23, "seed": i} | others
        for i in range(count)
    ]


def test_answers_keep_the_order_of_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = prompts(30)
    assert main(["generate", write(*lines), "out.jsonl", "--window=7", "--batch-size=4"]) == 0
    found = answers()
    assert [one["line"] for one in found] == list(range(1, 31))
    tokens = [one["usage"]["completion_tokens"] for one in found]
    assert all(0 < have <= line["max_tokens"] for have, line in zip(tokens, lines, strict=True))
    assert {one["outputs"][0]["finish_reason"] for one in found} <= {"length", "stop"}
    assert "30 lines answered" in capsys.readouterr().err


def test_predicted_lengths_change_no_text() -> None:
    lines = prompts(12)
    assert main(["generate", write(*lines), "plain.jsonl"]) == 0
    predicted = [line | {"length": line["max_tokens"]} for line in lines]
    assert main(["generate", write(*predicted), "out.jsonl", "--batch-size=3"]) == 0
    assert texts() == texts("plain.jsonl")


def test_lines_of_all_forms() -> None:
    body = {"model": "any", "prompt": "a", "max_completion_tokens": 3, "seed": 1}
    batch = {"custom_id": "two", "method": "POST", "url": "/v1/completions", "body": body}
    simple = {"prompt_token_ids": [97], "max_tokens": 3, "seed": 1, "custom_id": "one"}
    several = {"prompt": "a", "max_tokens": 3, "n": 3, "logprobs": 1, "logit_bias": {"98": 5}}
    assert main(["generate", write(simple, "", batch, several), "out.jsonl"]) == 0
    first, second, third = answers()
    assert (first["line"], first["custom_id"]) == (1, "one")
    assert (second["line"], second["custom_id"], second["error"]) == (3, "two", None)
    choice = second["response"]["body"]["choices"][0]
    assert choice["text"] == first["outputs"][0]["text"]
    assert second["response"]["status_code"] == 200
    assert len(third["outputs"]) == 3
    assert len(third["outputs"][0]["logprobs"]) == len(third["outputs"][0]["token_ids"])


BAD = [
    ("{", "the line must be JSON"),
    ("[" * 100_000, "the line must be JSON"),
    ([1], "the line must be a JSON object, got [1]"),
    ({"max_tokens": 3}, "messages, got ['max_tokens']"),
    ({"prompt": "a", "max_token": 3}, "the line must be one of known fields, got 'max_token'"),
    ({"prompt": "a", "top_p": 2}, "top_p must be above 0 and at most 1, got 2"),
    ({"prompt": "a", "length": -1}, "length must be at least 0, got -1"),
    ({"prompt": "a" * 2000}, "must have at most 1024 tokens"),
    ({"messages": [{"role": "user", "content": "a"}]}, "chat template"),
    ({"body": {"prompt": "a"}, "url": "/v1/embeddings"}, "url must be one of /v1/chat"),
    ({"body": {"prompt": "a", "logprobs": True}}, "logprobs must be left out of a body"),
    ({"prompt": "a", "n": 99, "max_tokens": 1}, "n must be between 1 and 9, got 99"),
]


def test_bad_lines_are_answered_with_their_errors(capsys: pytest.CaptureFixture[str]) -> None:
    good = {"prompt": "a", "max_tokens": 2}
    lines = [line for bad, _ in BAD for line in (bad, good)]
    assert main(["generate", write(*lines), "out.jsonl", "--window=9"]) == 1
    found = answers()
    assert len(found) == 2 * len(BAD)
    for one, (_, message) in zip(found[::2], BAD, strict=True):
        assert message in one["error"]["message"]
    assert all("outputs" in one for one in found[1::2])
    assert f"{len(BAD)} failed, the first: line 1: the line must be JSON" in capsys.readouterr().err


def test_a_job_of_bad_lines_ends() -> None:
    assert main(["generate", write(*["{"] * 20), "out.jsonl", "--window=4"]) == 1
    assert len(answers()) == 20


def test_stop_on_error_ends_at_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = prompts(9)
    stopping = ["generate", "in.jsonl", "out.jsonl", "--stop-on-error", "--batch-size=2"]
    write(*lines[:5], "{", *lines[6:])
    assert main(stopping) == 2
    assert "error: line 6: the line must be JSON" in capsys.readouterr().err
    assert len(answers()) == 5
    write(*lines)
    assert main(stopping) == 0
    assert [one["line"] for one in answers()] == list(range(1, 10))


@pytest.mark.parametrize("torn", ["", '{"line": 5, "outp', '{"line": 5}'])
def test_a_second_run_continues_the_first(torn: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = prompts(12)
    write(*lines)
    assert main(["generate", "in.jsonl", "whole.jsonl"]) == 0
    whole = Path("whole.jsonl").read_text()
    Path("out.jsonl").write_text("".join(whole.splitlines(keepends=True)[:4]) + torn)
    assert main(["generate", "in.jsonl", "out.jsonl"]) == 0
    assert Path("out.jsonl").read_text() == whole
    assert "8 lines answered, 4 skipped" in capsys.readouterr().err
    assert main(["generate", "in.jsonl", "out.jsonl"]) == 0
    assert "0 lines answered, 12 skipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("a text\n", "out.jsonl must be new or an output of this command, its last line is"),
        ('{"line": 0}\n', "out.jsonl must be new or an output of this command"),
        ('{"line": 7}\n', "the input must have 7 lines, as many have answers"),
        (
            '{"line": 2, "custom_id": "x"}\n',
            "the output must be of this input, its answer to line 2",
        ),
    ],
)
def test_other_outputs_are_left_alone(
    before: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.jsonl").write_text(before)
    assert main(["generate", write(*prompts(3)), "out.jsonl"]) == 2
    assert message in capsys.readouterr().err
    assert Path("out.jsonl").read_text() == before


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "multibin.cli", "generate", *arguments]


def test_a_pipe_is_answered() -> None:
    line = json.dumps({"prompt": "a", "max_tokens": 3, "seed": 1}) + "\n"
    done = subprocess.run(
        command("-", "-"), input=line * 3, capture_output=True, text=True, check=True
    )
    found = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert [one["line"] for one in found] == [1, 2, 3]
    assert len({one["outputs"][0]["text"] for one in found}) == 1


def test_ctrl_c_leaves_an_output_that_is_continued() -> None:
    lines = [line | {"max_tokens": 200, "ignore_eos": True} for line in prompts(400)]
    write(*lines)
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command("in.jsonl", "out.jsonl", "--window=16", "--batch-size=4"),
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
        (["--threads=0"], "threads must be at least 1, got 0"),
        (["--tokenizer=any"], "tokenizer must be left out without --model, got 'any'"),
        (["--batch-size=0"], "batch_size must be at least 1, got 0"),
        (["--scheduling=any"], "scheduling must be one of 'multibin', 'fifo', 'continuous'"),
        (["--model=./nowhere"], "nowhere"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", write(*prompts(1)), "out.jsonl", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out.jsonl").exists()


def test_a_missing_input_is_refused(refused: Callable[[list[str], str], None]) -> None:
    refused(["generate", "nowhere.jsonl", "out.jsonl"], "nowhere.jsonl")
