"""On a GPU a run has the losses that it has on the CPU, and continues from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.reward.train import small
from tests.reward.train.test_resume import Interrupted, crash, run

from multibin.reward.train import LoRA

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("make", [small.llama, small.gpt2, small.gemma])
def test_losses_are_those_of_the_cpu(make: Any) -> None:
    found = run(make(), device="cuda")
    assert found.losses == pytest.approx(run(make()).losses, abs=1e-6)


@pytest.mark.parametrize("lora", [None, LoRA(rank=2, dropout=0.3)])
def test_dropout_continues_where_it_was(tmp_path: Path, lora: LoRA | None) -> None:
    expected = run(small.llama(dropout=0.2), lora=lora, device="cuda")
    broken = small.llama(dropout=0.2)
    Interrupted(broken, 9, crash)
    with pytest.raises(RuntimeError, match="crash"):
        run(broken, lora=lora, device="cuda", folder=tmp_path)
    torch.cuda.manual_seed(1)
    again = run(small.llama(dropout=0.2), lora=lora, device="cuda", folder=tmp_path)
    # Sums of embeddings' gradients have no fixed order on a GPU.
    assert again.losses == pytest.approx(expected.losses, abs=1e-6)
