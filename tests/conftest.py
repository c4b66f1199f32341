"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings

from multibin.cli import main

# Speeds are not asserted in tests: a busy machine would fail them.
settings.register_profile("unhurried", deadline=None)
# For runs against other versions: what they change shows in few examples.
settings.register_profile("few", deadline=None, max_examples=20)
settings.load_profile("unhurried")


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[[Sequence[str], str], None]:
    """Asserts that a command ends with status 2 and one line of error that holds ``message``."""

    def check(arguments: Sequence[str], message: str) -> None:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith(f"multibin {arguments[0]}: error: ")
        assert message in captured.err
        assert len(captured.err.splitlines()) == 1
        assert not captured.out

    return check
