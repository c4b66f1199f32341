"""Properties that only a GPU shows: no host sync, and one compilation for all lengths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from multibin.kernels import gather_kv, pad, unpad

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: the compiled kernels do not run"
)


@pytest.fixture
def _no_sync() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


def run(lengths: list[int], width: int) -> tuple[Tensor, ...]:
    """Runs every kernel once on its stream; the arguments are made before."""
    device = torch.device("cuda")
    total, rows = sum(lengths), len(lengths)
    tokens = torch.arange(total, device=device)
    offsets = torch.zeros(rows + 1, dtype=torch.int64, device=device)
    torch.cumsum(
        torch.tensor(lengths).pin_memory().to(device, non_blocking=True), 0, out=offsets[1:]
    )
    cache = torch.ones(2, 2, rows, 2, width, 80, dtype=torch.bfloat16, device=device)
    moved = torch.zeros_like(cache)
    order = torch.arange(rows, device=device)
    dense = pad(tokens, offsets, width, side="left")
    gather_kv(cache, moved, order, order.flip(0), offsets.diff(), longest=width)
    return tokens, unpad(dense, offsets, total, side="left"), offsets, moved


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.usefixtures("_no_sync")
def test_no_kernel_waits_for_the_device() -> None:
    run([3, 0, 7], 7)


def test_other_lengths_replay_in_a_graph() -> None:
    """A capture fails if a kernel is compiled or loaded, so widths 7 and 1999 share one kernel."""
    run([3, 0, 7], 7)
    device = torch.device("cuda")
    tokens, offsets = torch.arange(2010, device=device), torch.tensor([0, 11, 2010], device=device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        back = unpad(pad(tokens, offsets, 1999, side="left"), offsets, 2010, side="left")
    tokens.neg_()
    graph.replay()
    assert torch.equal(back, tokens)


def test_moves_arrive() -> None:
    tokens, back, offsets, moved = run([3, 0, 7], 7)
    assert torch.equal(tokens, back)
    lengths = offsets.diff().flip(0)
    expected = torch.arange(7, device="cuda") < lengths[:, None]
    assert torch.equal(moved[0, 0, :, 0, :, 0].bool(), expected)
