"""multibin's batcher passes every check, with a plain function and with a coroutine function."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.batcher.conformance.checks import load
from tests.batcher.conformance.outcomes import PATIENCE, Outcomes

SUBJECTS = ["multibin", "multibin:async"]
PAIRS = [(subject, check) for subject in SUBJECTS for check in load()]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Outcomes]:
    made = Outcomes(PAIRS, PATIENCE)
    yield made
    made.stop()


@pytest.mark.parametrize(("subject", "check"), PAIRS)
def test_passes(outcomes: Outcomes, subject: str, check: str) -> None:
    outcome = outcomes[subject, check]
    assert outcome.outcome == "passes", f"{load()[check].asks} {outcome.outcome}: {outcome.why}"
