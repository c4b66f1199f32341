"""Names that are imported on first use: from any thread, by any way of writing them."""

from __future__ import annotations

import pickle
import pydoc
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import pytest

import multibin as mb
from multibin.lab.traces import from_arrays

THREADS = 16

RACE = """
import sys, threading
import multibin as mb
names, threads = sys.argv[1].split(","), int(sys.argv[2])
sys.setswitchinterval(1e-6)
start, failures = threading.Barrier(threads), []

def use(shift):
    start.wait()
    try:
        for name in names[shift:] + names[:shift]:
            found = mb
            for part in name.split("."):
                found = getattr(found, part)
    except BaseException as error:
        failures.append(f"{name}: {error!r}")

racing = [threading.Thread(target=use, args=(at % len(names),)) for at in range(threads)]
for thread in racing: thread.start()
for thread in racing: thread.join()
print(*failures, sep="\\n")
"""


def run(code: str, *arguments: str) -> str:
    """Runs code in a fresh interpreter and returns what it printed."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_threads_that_use_names_first_at_the_same_time() -> None:
    names = [*mb.__all__, "Batcher", "batch", "lab.traces.chat", "lab.plan.Plan", "costs.Costs"]
    assert run(RACE, ",".join(names), str(THREADS)) == ""


def test_threads_that_use_the_engine_first_at_the_same_time() -> None:
    """transformers itself fails if two threads import it at the same time."""
    pytest.importorskip("torch", reason="the engine's names need the extra `llm`")
    names = ["RewardModel", "LLM", "reward.RewardModel", "SamplingParams", "AsyncLLM", "lab.plan"]
    assert run(RACE, ",".join(names), str(THREADS)) == ""


@pytest.mark.parametrize(
    "name", ["lab.traces.read", "lab.plan.choose", "lab.theory.throughput", "lab.paper.Lab"]
)
def test_the_package_alone_finds_names_of_the_lab(name: str) -> None:
    assert run(f"import multibin as mb; print(callable(mb.{name}))") == "True"


def test_simulate_is_a_function_of_the_package_and_a_module_of_the_lab() -> None:
    code = """
import multibin as mb
{first}
module = mb.lab.simulate
print(callable(mb.simulate), type(module).__name__, module.simulate is mb.simulate)
"""
    for first in ("mb.simulate", "mb.lab.simulate", "from multibin.lab import *"):
        if first.startswith("from") and find_spec("torch") is None:
            continue
        assert run(code.format(first=first)) == "True module True"


def test_modules_of_the_lab_are_listed_and_others_are_unknown() -> None:
    assert set(mb.lab.__all__) <= set(dir(mb.lab))
    with pytest.raises(AttributeError, match=r"'multibin\.lab' has no attribute 'nonsense'"):
        _ = mb.lab.nonsense
    without_torch = 'import sys; sys.modules["torch"] = None\nimport multibin as mb\n'
    for name in ("lab.calibrate", "llm"):
        code = f"try: mb.{name}\nexcept ModuleNotFoundError as error: print(error)"
        expected = f"multibin.{name} needs torch: install multibin[llm]"
        assert run(without_torch + code) == expected


def test_everything_listed_can_be_got_and_helped_with() -> None:
    pytest.importorskip("torch", reason="the engine's names need the extra `llm`")
    for name in dir(mb):
        assert hasattr(mb, name), name
    text = pydoc.plain(pydoc.render_doc(mb))
    for name in mb.__all__:
        assert name in text


@pytest.mark.parametrize("name", [name for name in mb.__all__ if name[0].isupper()])
def test_classes_are_pickled_by_name(name: str) -> None:
    kind = getattr(mb, name)
    assert pickle.loads(pickle.dumps(kind)) is kind


def test_a_fresh_process_loads_what_another_pickled() -> None:
    config = mb.SchedulerConfig(mb.Edges([0, 8, 64]), 4)
    code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])))"
    assert run(code, pickle.dumps(config).hex()) == str(config)


def table() -> mb.CostTable:
    """Returns a table of two points."""
    return mb.CostTable.of_batches([1, 2], [0], [[1.0], [2.0]], about={"model": "none"})


def records() -> mb.Records:
    """Returns the records of two requests."""
    scheduler = mb.SchedulerConfig(mb.Edges([0, 8]), 2)
    return mb.simulate(
        from_arrays([5, 5], [2, 6]), scheduler=scheduler, costs=mb.CostModel(step=1.0)
    )


def raised() -> mb.FullError:
    """Returns an error that the core raised."""
    scheduler = mb.Scheduler(mb.Edges([0, 16]), 2, capacity=2)
    with pytest.raises(mb.FullError) as caught:
        scheduler.submit_many([7, 8, 9], [1, 2, 3])
    return caught.value


VALUES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "Edges": (lambda: mb.Edges([0, 4, 8]), lambda edges: edges.bounds.tolist()),
    "CostModel": (lambda: mb.CostModel(step=1.0), lambda costs: costs.data),
    "CostTable": (table, lambda costs: costs.data),
    "Adapt": (mb.Adapt, repr),
    "SchedulerConfig": (lambda: mb.SchedulerConfig(mb.Edges([0, 8]), 4), repr),
    "Records": (records, lambda records: records.latency.tolist()),
    "FullError": (raised, lambda error: (error.accepted, error.first, str(error))),
    "GenerationError": (
        lambda: mb.GenerationError("1 of 2 requests failed", ["a", None]),
        lambda error: (error.outputs, str(error)),
    ),
    "WorkerTimeoutError": (lambda: mb.WorkerTimeoutError("after 3 s"), str),
}
"""Values, and what of them is compared."""


@pytest.mark.parametrize("name", VALUES)
def test_values_are_pickled_and_copied(name: str) -> None:
    make, seen = VALUES[name]
    value = make()
    for again in (pickle.loads(pickle.dumps(value)), deepcopy(value)):
        assert type(again) is type(value)
        assert seen(again) == seen(value)
