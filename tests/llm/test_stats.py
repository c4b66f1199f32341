"""What an engine counts, and the text that Prometheus reads."""

from __future__ import annotations

import json
import re

import pytest
from tests.llm.echo import EchoRunner

from multibin.llm import LLM, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.llm._stats import BOUNDS, Times


@pytest.fixture(scope="module")
def llm() -> LLM:
    """An engine that has run two calls."""
    llm = LLM(tiny_model(), ByteTokenizer(), batch_size=2)
    params = SamplingParams(max_tokens=5, ignore_eos=True)
    for _ in range(2):
        llm.generate(["a", "text", "more text"], params, use_tqdm=False)
    return llm


def test_calls_add_up(llm: LLM) -> None:
    stats = llm.stats()
    assert stats["submitted"] == 6
    assert stats["finished"] == {"length": 6}
    assert stats["prompt_tokens"] == 2 * (1 + 4 + 9)
    assert stats["generated_tokens"] == 30
    assert sum(stats["time_to_first_token"]["counts"]) == 6
    assert sum(stats["time_between_tokens"]["counts"]) == 24
    assert sum(stats["latency"]["counts"]) == 6
    assert stats["steps"] >= 2 * 4
    assert stats["rows_computed"] >= 30
    assert stats["prefill_tokens"] >= 28 - 10
    assert 0 < stats["waste"] < 1
    assert stats["rows_running"] == 0
    json.dumps(stats)


def test_the_page_has_every_number_once(llm: LLM) -> None:
    page = llm.prometheus(labels={"model": 'a "name"'})
    lines = page.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z_]+\{model="a \\"name\\"".*\} [-0-9.e+]+', s) for s in samples)
    names = [re.split(r"[{ ]", sample)[0] for sample in samples]
    types = [line.split()[2:] for line in lines if line.startswith("# TYPE")]
    assert len({name for name, _ in types}) == len(types)
    families = {name for name, _ in types}
    parts = r"_(bucket|sum|count)$"
    assert {name if name in families else re.sub(parts, "", name) for name in names} <= families
    assert ["multibin_llm_generated_tokens_total", "counter"] in types
    assert ["multibin_llm_rows_running", "gauge"] in types
    assert ["multibin_llm_waste", "gauge"] in types
    assert ["multibin_llm_time_to_first_token_seconds", "histogram"] in types
    assert 'multibin_llm_finished_total{model="a \\"name\\"",reason="length"} 6' in page
    assert 'multibin_llm_latency_seconds_bucket{model="a \\"name\\"",le="+Inf"} 6' in page


@pytest.mark.parametrize("name", ["le", "reason", "capacity", "a-b", ""])
def test_labels_of_the_engine_are_refused(llm: LLM, name: str) -> None:
    with pytest.raises(ValueError, match=r"^labels must be names of Prometheus other than"):
        llm.prometheus(labels={name: "x"})


def test_labels_are_a_mapping(llm: LLM) -> None:
    with pytest.raises(TypeError, match=r"^labels must be a mapping of names to values, got 'a'"):
        llm.prometheus(labels="a")  # type: ignore[arg-type]


def test_a_time_on_a_bound_is_in_its_bucket() -> None:
    times = Times()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, BOUNDS[-1], BOUNDS[-1] + 1):
        times.add(seconds)
    counts = times.histogram()["counts"]
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (2, 1, 1, 1)


def test_size_classes_have_labels(runner: EchoRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LLM, "_runner", runner.makes())
    llm = LLM(tiny_model(), ByteTokenizer())
    llm.generate("a", use_tqdm=False)
    page = llm.prometheus()
    assert 'multibin_llm_class_bytes{capacity="64"} 4096' in page
    assert 'multibin_llm_class_slots{capacity="64"} 4' in page
