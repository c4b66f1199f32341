"""The readers that take files of others, each as a function of bytes.

A target may raise the errors that its reader documents. It also does what a user does with what was
read, so that nothing that is read fails later.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from multibin import Recording
from multibin.costs import CostModel, CostTable, load_costs
from multibin.costs._load import about
from multibin.lab.fit_costs import as_json, check, describe, fit_benchmark
from multibin.lab.traces import Trace, describe_trace, read, trace_as_json
from multibin.llm import SamplingParams
from multibin.llm._jobs.lines import custom_id, json_object
from multibin.llm._jobs.lines import parse as parse_prompt
from multibin.llm._jobs.output import Output
from multibin.llm._load.adapters import adapter_base
from multibin.reward._job.lines import parse as parse_question
from multibin.reward.evaluate import read_prm_bench, read_process_bench
from multibin.reward.train import read_examples
from tools.fuzz.seeds import packed, seeds

__all__ = ["TARGETS", "Target"]

REFUSED = (ValueError,)
REFUSED_LINE = (TypeError, ValueError)


@dataclass(frozen=True)
class Target:
    """A reader, what it may raise, and where the files are to begin with."""

    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]] = field(repr=False)


def _file(data: bytes) -> Path:
    """Writes the file that the reader of this call opens."""
    path = Path(tempfile.gettempdir()) / "fuzzed"
    path.write_bytes(data)
    return path


def trace(data: bytes) -> Trace:
    found = read(_file(data))
    json.dumps(trace_as_json(found), allow_nan=False)
    assert describe_trace(found)
    assert len(found) == len(found.output_tokens) > 0
    return found


def benchmark(data: bytes) -> None:
    found = read(_file(data))
    if found.measured is None or len(found) > 60:
        return
    fitted = fit_benchmark(found)
    assert describe(fitted)
    json.dumps(as_json(fitted), allow_nan=False)
    check(found, costs=fitted.costs, scheduler=fitted.scheduler)


def costs(data: bytes) -> None:
    path = _file(data)
    found = load_costs(path)
    assert all(isinstance(fact, str) for fact in about(path))
    found.save(path)
    again = load_costs(path)
    assert again.data == found.data


def cost_table(data: bytes) -> None:
    CostTable.load(_file(data))


def cost_model(data: bytes) -> None:
    CostModel.load(_file(data))


def question(data: bytes) -> None:
    task = parse_question(data)
    json.dumps(task.kept)


def prompt(data: bytes) -> None:
    parse_prompt(1, data, SamplingParams())


def names(data: bytes) -> None:
    """Does what a job does with a line that is no request."""
    custom_id(data)
    json_object(data)


def answers(data: bytes) -> None:
    path = _file(data)
    with Output(str(path)) as output:
        kept = path.read_bytes()
        assert data.startswith(kept)
        assert kept.endswith(b"\n") or not kept
        assert output.done.answers == kept.count(b"\n")


def recording(data: bytes) -> None:
    """Continues a file: it ends with the line that was written."""
    path = _file(data)
    with Recording(path) as log:
        log.write(arrival=1.5, prompt_tokens=7, output_tokens=9)
    assert path.read_bytes().endswith(b'"output_tokens": 9, "end": "finished"}\n')


def adapter(data: bytes) -> None:
    path = _file(data).rename(Path(tempfile.gettempdir()) / "adapter_config.json")
    adapter_base(str(path.parent))


def prm_bench(data: bytes) -> None:
    read_prm_bench(_file(data))


def process_bench(data: bytes) -> None:
    read_process_bench(_file(data))


def examples(data: bytes) -> None:
    read_examples(_file(data), neutral=True, changed_steps=True)


def _traces() -> list[bytes]:
    found = [seed for seed in seeds("lab/traces", "cli") if b"\n" in seed or b"{" in seed]
    csv = b"timestamp,prompt_tokens,output_tokens\n0.5,7,9\n2.0,8,1\n"
    return found + packed(csv)


def _benchmark() -> list[bytes]:
    """Returns results of vLLM and of SGLang for 30 requests."""
    count = list(range(1, 31))
    results: dict[str, Any] = {
        "input_lens": [7 * n for n in count],
        "output_lens": [n % 9 + 2 for n in count],
        "ttfts": [0.05 + 0.001 * n for n in count],
        "itls": [[0.01 + 0.0001 * n] * (n % 9 + 1) for n in count],
        "errors": [""] * 30,
        "generated_texts": [""] * 30,
    }
    starts = {"start_times": [0.1 * n for n in count]}
    rows = [
        {"ts": 0.2 * n, "isl": n, "osl": n % 5 + 1, "ttft": 0.1, "latency": 0.1 + 0.02 * n}
        for n in count
    ]
    made = [results, results | starts, {name: results[name][:5] for name in results}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return [*(json.dumps(each).encode() for each in made), lines.encode()]


def _costs() -> list[bytes]:
    model = CostModel(step=0.02, row_step=0.001, completes="row")
    grid = np.array([[0.02, 0.03], [0.03, 0.05]])
    table = CostTable(np.array([1, 8]), np.array([0, 512]), step=grid, prefill=grid, move=grid)
    data = [model.data, {"about": {"model": "a"}, **model.data}, table.data]
    return [*seeds("costs"), *(json.dumps(each).encode() for each in data)]


def _questions() -> list[bytes]:
    return seeds("cli/test_score.py", "cli/test_score_first_errors.py", "reward")


def _prompts() -> list[bytes]:
    return seeds("cli/test_generate.py", "llm/test_jobs.py")


def _recordings() -> list[bytes]:
    return [
        *seeds("scheduler/test_recording_files.py"),
        b'{"arrival": 1.500000, "prompt_tokens": 7, "output_tokens": 9, "end": "finished"}\n',
    ]


TARGETS = {
    "trace": Target(trace, REFUSED, _traces),
    "benchmark": Target(benchmark, REFUSED, _benchmark),
    "costs": Target(costs, REFUSED, _costs),
    "cost-table": Target(cost_table, REFUSED, _costs),
    "cost-model": Target(cost_model, REFUSED, _costs),
    "question": Target(question, REFUSED_LINE, _questions),
    "prompt": Target(prompt, REFUSED_LINE, _prompts),
    "names": Target(names, REFUSED, _prompts),
    "answers": Target(answers, REFUSED, _prompts),
    "adapter": Target(adapter, REFUSED, lambda: seeds("llm/test_sources.py", "llm/test_hf.py")),
    "prm-bench": Target(prm_bench, REFUSED, lambda: seeds("reward/evaluate")),
    "process-bench": Target(process_bench, REFUSED, lambda: seeds("reward/evaluate")),
    "examples": Target(examples, REFUSED, lambda: seeds("reward/train")),
    "recording": Target(recording, REFUSED, _recordings),
}
"""Targets by name."""
