"""Each check can pass and can fail: a plain batcher passes all, and one fault fails its check.

With the variable ``PEERS`` every fault also meets every other check, which it must pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.batcher.conformance.checks import load
from tests.batcher.conformance.outcomes import HASTE, PATIENCE, Outcomes

FAULTS = [f"reference:{check}" for check in load()]


@pytest.fixture(scope="module")
def right() -> Iterator[Outcomes]:
    made = Outcomes((("reference", check) for check in load()), PATIENCE)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def faulty() -> Iterator[Outcomes]:
    made = Outcomes(((f"reference:{check}", check) for check in load()), HASTE)
    yield made
    made.stop()


@pytest.mark.parametrize("check", load())
def test_the_reference_passes(right: Outcomes, check: str) -> None:
    outcome = right["reference", check]
    assert outcome.outcome == "passes", outcome.why


@pytest.mark.parametrize("check", load())
def test_a_fault_fails_its_check(faulty: Outcomes, check: str) -> None:
    assert faulty[f"reference:{check}", check].outcome in ("fails", "hangs")


@pytest.mark.skipif("PEERS" not in os.environ, reason="part of the optional run: many processes")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_no_other_check(fault: str) -> None:
    others = [check for check in load() if check != fault.partition(":")[2]]
    made = Outcomes(((fault, check) for check in others), PATIENCE / 4)
    ended = {check: made[fault, check] for check in others}
    made.stop()
    assert not {check: end for check, end in ended.items() if end.outcome != "passes"}
