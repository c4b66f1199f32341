"""Other libraries, where they are installed: the holes that were found are still there.

``make conformance-peers`` installs them and runs this.
"""

from __future__ import annotations

import os
import sys

import pytest
from tests.batcher.conformance.checks import load
from tests.batcher.conformance.outcomes import Outcomes
from tests.batcher.conformance.record import PAGE, read, with_table
from tests.batcher.conformance.run import interpreter
from tests.batcher.conformance.subjects import PEERS

PATIENCE = 5.0


HOLES = {name: [check for check in load() if name in load()[check].found_in] for name in PEERS}


@pytest.mark.parametrize("name", PEERS)
def test_the_holes_are_there(name: str) -> None:
    """Fails where a library has lost a hole: then its column must be recorded again."""
    if "PEERS" not in os.environ or interpreter(name) == [sys.executable]:
        pytest.skip(f"{name} is not installed")
    made = Outcomes(((name, check) for check in HOLES[name]), PATIENCE)
    ended = {check: made[name, check] for check in HOLES[name]}
    made.stop()
    assert not {check: end for check, end in ended.items() if end.outcome not in ("fails", "hangs")}


@pytest.mark.parametrize("name", PEERS)
def test_the_record_has_the_holes(name: str) -> None:
    column = read()["subjects"][name]["outcomes"]
    assert not {check for check in HOLES[name] if column[check] not in ("fails", "hangs")}


def test_the_table_is_that_of_the_record() -> None:
    page = PAGE.read_text()
    assert with_table(page, read()) == page
