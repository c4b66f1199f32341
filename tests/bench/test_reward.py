"""The bench of step scores runs, and fails where scores differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from benches.reward import __main__ as bench
from benches.reward.contestants import OURS, contestants
from benches.reward.workload import draw

SMALL = ["--model=tiny", "--questions=2", "--candidates=3", "--rounds=1"]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_all_contestants_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(SMALL) == 0
    printed = capsys.readouterr().out
    for line in (f"{OURS} / reference", f"{OURS} / sorted, 4", "tokens / computed tokens"):
        assert line in printed


def test_wrong_scores_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        ours, every = contestants(*arguments)
        whole = every[OURS]
        return ours, every | {OURS: lambda work: [scores + 0.01 for scores in whole(work)]}

    monkeypatch.setattr("benches.reward.__main__.contestants", wrong)
    with pytest.raises(RuntimeError, match="multibin: scores must be those of the reference"):
        bench.main([*SMALL, f"--contestants={OURS}"])


def test_the_workload_has_the_lengths_of_answers() -> None:
    work = draw(200, 1, 0, 97)
    questions = np.array([len(question) for question in work.questions])
    answers = np.array([len(row.ids) for row in work.rows]) - questions
    assert questions.min() >= 60
    assert questions.max() <= 240
    # The quantiles of Fig. 5 of arXiv 2412.04504 at 50 %.
    assert abs(np.median(answers) - 212) < 20
    assert all(row.ends[-1] == len(row.ids) - 1 for row in work.rows)
