"""multibin's batcher passes every check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.batcher.conformance.checks import load
from tests.batcher.conformance.outcomes import PATIENCE, Outcomes


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Outcomes]:
    made = Outcomes((("multibin", check) for check in load()), PATIENCE)
    yield made
    made.stop()


@pytest.mark.parametrize("check", load())
def test_passes(outcomes: Outcomes, check: str) -> None:
    outcome = outcomes["multibin", check]
    assert outcome.outcome == "passes", f"{load()[check].asks} {outcome.outcome}: {outcome.why}"
