"""The checks run on a subject of another module: docs/reference/conformance.md has one."""

from __future__ import annotations

from tests.batcher.conformance.outcomes import PATIENCE
from tests.batcher.conformance.run import in_child


def test_a_subject_of_another_module() -> None:
    subject = "tests.batcher.conformance.subjects.reference:SUBJECT"
    assert in_child(subject, "own_answers", PATIENCE).outcome == "passes"
