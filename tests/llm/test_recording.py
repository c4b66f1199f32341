"""What engines record of requests: true counts, positive times, and no text."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.llm.tasks import collect, params, run

from multibin import Recording
from multibin.errors import ExpiredError, GenerationError
from multibin.lab.traces import read
from multibin.llm import LLM, AsyncLLM, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "requests.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def generated(llm: LLM | AsyncLLM) -> list[dict[str, Any]]:
    assert llm.recording is not None
    llm.recording.flush(timeout=30)
    return lines(Path(llm.recording.path))


def engine(path: Path | Recording, **options: Any) -> LLM:
    return LLM(tiny_model(), ByteTokenizer(), record=path, **options)


@pytest.mark.parametrize("scheduling", ["multibin", "fifo", "continuous"])
def test_a_call_is_read_back_as_it_was(path: Path, scheduling: Any) -> None:
    llm = engine(path, scheduling=scheduling, batch_size=2)
    prompts = ["a", "some text", "other text"]
    lengths = [3, 9, 20]
    budgets = [SamplingParams(max_tokens=n, ignore_eos=True) for n in lengths]
    llm.generate(prompts, budgets, lengths=[4, 8, 99], use_tqdm=False)
    rows = {row["output_tokens"]: row for row in generated(llm)}
    assert sorted(rows) == lengths
    assert [rows[n]["prompt_tokens"] for n in lengths] == [1, 9, 10]
    # A prediction is clipped to what the request may generate.
    assert [rows[n]["predicted_tokens"] for n in lengths] == [3, 8, 20]
    for row in rows.values():
        assert row["end"] == "finished"
        assert 0 < row["time_to_first_token"] < row["latency"] < 60
    trace = read(path)
    assert sorted(trace.output_tokens.tolist()) == lengths
    assert sorted(trace.prompt_tokens.tolist()) == [1, 9, 10]
    assert trace.arrivals is not None
    assert trace.predicted is not None


def test_without_predictions_the_lengths_are_those_of_the_schedule(path: Path) -> None:
    llm = engine(path)
    llm.generate(["text"], params(5, ignore_eos=True), use_tqdm=False)
    (climbs,) = generated(llm)
    assert climbs["predicted_tokens"] == 0
    llm = engine(path.with_suffix(".2"), overrun="finish")
    llm.generate(["text"], params(5, ignore_eos=True), use_tqdm=False)
    (runs,) = generated(llm)
    assert runs["predicted_tokens"] == 5


def test_no_text_is_written(path: Path) -> None:
    llm = engine(path)
    llm.generate(["a secret prompt"], params(5, ignore_eos=True), use_tqdm=False)
    (row,) = generated(llm)
    assert all(isinstance(value, int | float) for key, value in row.items() if key != "end")
    assert "secret" not in path.read_text()


def test_failed_and_expired_requests_say_so(path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("a processor of mine")

    llm = engine(path, batch_size=1)
    good = params(3, ignore_eos=True)
    bad = params(4, ignore_eos=True, logits_processors=[fails])
    with pytest.raises(GenerationError):
        llm.generate(["good", "a bad one"], [good, bad], use_tqdm=False)
    llm.generate(["first", "too late"], good, ttls=[60, 0], use_tqdm=False)
    rows = {row["prompt_tokens"]: row for row in generated(llm)}
    ends = {tokens: row["end"] for tokens, row in rows.items()}
    assert ends == {4: "finished", 9: "failed", 5: "finished", 8: "expired"}
    assert rows[9]["output_tokens"] == rows[8]["output_tokens"] == 0
    assert "time_to_first_token" not in rows[8]
    assert read(path).dropped == 2


def test_streams_are_recorded_also_those_that_are_given_up(path: Path) -> None:
    async def main() -> None:
        async with AsyncLLM(tiny_model(), ByteTokenizer(), record=path) as llm:
            await collect(llm.generate("streamed", params(6, ignore_eos=True), length=7))
            async with aclosing(llm.generate("given up", params(200, ignore_eos=True))) as stream:
                async for _ in stream:
                    break
            task = asyncio.ensure_future(
                collect(llm.generate("a cancelled task", params(200, ignore_eos=True)))
            )
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(ExpiredError):
                await collect(llm.generate("expired", params(2), ttl=0))

    run(main())
    # The engine has closed its own file.
    Recording(path).close()
    rows = lines(path)
    assert [row["end"] for row in rows].count("cancelled") == 2
    (done,) = [row for row in rows if row["end"] == "finished"]
    assert (done["prompt_tokens"], done["output_tokens"], done["predicted_tokens"]) == (8, 6, 6)
    assert 0 < done["time_to_first_token"] < done["latency"]
    given_up = next(row for row in rows if row["end"] == "cancelled")
    assert given_up["output_tokens"] == 0
    assert 0 < given_up["partial_tokens"] < 200
    assert sum(row["end"] == "expired" for row in rows) == 1
    assert read(path).output_tokens.tolist() == [6]


def test_a_wait_for_room_counts(path: Path) -> None:
    async def main() -> None:
        llm = AsyncLLM(tiny_model(), ByteTokenizer(), record=path, capacity=1, on_full="wait")
        async with llm:
            calls = [llm.generate("text", params(40, ignore_eos=True)) for _ in range(2)]
            await asyncio.gather(*map(collect, calls))

    run(main())
    first, second = lines(path)
    assert abs(second["arrival"] - first["arrival"]) < first["latency"] / 2
    assert second["time_to_first_token"] > first["latency"] / 2


def test_engines_may_share_a_recording(path: Path) -> None:
    with Recording(path) as recording:
        for _ in range(2):
            llm = engine(recording)
            assert llm.recording is recording
            llm.generate(["text"], params(2, ignore_eos=True), use_tqdm=False)
    assert len(lines(path)) == 2


def test_several_continuations_are_several_requests(path: Path) -> None:
    llm = engine(path)
    llm.generate(["text"], params(4, n=3, ignore_eos=True), use_tqdm=False)
    assert [row["prompt_tokens"] for row in generated(llm)] == [4, 4, 4]


def test_a_wrong_path_is_refused_before_a_model_loads(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="record must be a file, got"):
        LLM("no-such-model", record=tmp_path)
    with pytest.raises(TypeError, match="record must be a Recording, a str, "):
        LLM("no-such-model", record=7)  # type: ignore[arg-type]
    assert LLM(tiny_model(), ByteTokenizer()).recording is None
