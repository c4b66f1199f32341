"""Other libraries, where they are installed: the holes that were found are still there.

``make conformance-peers`` installs them and runs this.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from tests.batcher.conformance.checks import load
from tests.batcher.conformance.outcomes import Outcomes
from tests.batcher.conformance.record import PAGE, read, with_table
from tests.batcher.conformance.run import interpreter
from tests.batcher.conformance.subjects import PEERS

PATIENCE = 5.0


@pytest.fixture(scope="module", params=PEERS)
def peer(request: pytest.FixtureRequest) -> Iterator[tuple[str, Outcomes]]:
    name: str = request.param
    if "PEERS" not in os.environ or interpreter(name) == [sys.executable]:
        pytest.skip(f"{name} is not installed")
    made = Outcomes(((name, check) for check in load()), PATIENCE)
    yield name, made
    made.stop()


@pytest.mark.parametrize("check", load())
def test_ends_as_recorded(peer: tuple[str, Outcomes], check: str) -> None:
    """Fails where a library has lost a hole or got one: then the record must be made again."""
    name, outcomes = peer
    outcome = outcomes[name, check]
    recorded = read()["subjects"][name]["outcomes"][check]
    assert (outcome.outcome == "passes") == (recorded == "passes"), outcome


@pytest.mark.parametrize("check", load())
def test_every_found_hole_is_recorded(check: str) -> None:
    subjects = read()["subjects"]
    for name in load()[check].found_in:
        assert subjects[name]["outcomes"][check] in ("fails", "hangs")


def test_the_table_is_that_of_the_record() -> None:
    page = PAGE.read_text()
    assert with_table(page, read()) == page
