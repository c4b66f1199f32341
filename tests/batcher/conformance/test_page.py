"""What docs/reference/conformance.md says about a batcher of one's own is true."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.batcher.conformance.checks import load
from tests.batcher.conformance.outcomes import PATIENCE
from tests.batcher.conformance.record import PAGE
from tests.batcher.conformance.run import in_child
from tests.batcher.conformance.trial import Trial

import multibin as mb

CODE = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)[0]


@pytest.mark.parametrize("check", ["own_answers", "threads", "call_after_close"])
def test_the_adapter_of_the_page(tmp_path: Path, check: str) -> None:
    with ExitStack() as stack:
        names: dict[str, Any] = {"MyBatcher": partial(opened, stack)}
        exec(CODE, names)
        made = load()[check].body(Trial(names["Adapter"](), tmp_path, PATIENCE))
        assert made is not None
        asyncio.run(made)  # type: ignore[arg-type]


def opened(stack: ExitStack, function: Any, rows: int) -> mb.Batcher[str, Any]:
    return stack.enter_context(mb.Batcher(function, batch_size=rows))


def test_a_subject_of_another_module() -> None:
    subject = "tests.batcher.conformance.subjects.reference:SUBJECT"
    assert in_child(subject, "own_answers", PATIENCE).outcome == "passes"
