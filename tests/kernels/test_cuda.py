"""Properties that only a GPU shows: no host sync, and one compilation for all lengths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from multibin.kernels import gather_kv, pad, unpad, zero_kv

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
    cache = torch.ones(2, 2, 2, rows * width, 80, dtype=torch.bfloat16, device=device)
    moved = torch.zeros_like(cache)
    starts = torch.arange(0, rows * width, width, device=device)
    dense = pad(tokens, offsets, width, side="left")
    gather_kv(cache, moved, starts, starts.flip(0), offsets.diff(), longest=width)
    zero_kv(moved, starts, torch.ones_like(starts), longest=1)
    return tokens, unpad(dense, offsets, total, side="left"), offsets, moved


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.usefixtures("_no_sync")
def test_no_kernel_waits_for_the_device() -> None:
    run([3, 0, 7], 7)


def test_other_lengths_replay_in_a_graph() -> None:
    """A capture fails if a kernel is compiled or loaded, so 7 and 1999 share one kernel."""
    run([3, 0, 7], 7)
    device = torch.device("cuda")
    tokens, offsets = torch.arange(2010, device=device), torch.tensor([0, 11, 2010], device=device)
    cache = torch.ones(1, 2, 3, 4000, 80, dtype=torch.bfloat16, device=device)
    ranges = torch.tensor([[1], [2001], [1999]], device=device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        back = unpad(pad(tokens, offsets, 1999, side="left"), offsets, 2010, side="left")
        gather_kv(cache, cache, *ranges, longest=1999)
        zero_kv(cache, *ranges[::2], longest=1999)
    tokens.neg_()
    cache[:, :, :, 1:2000] = 2
    graph.replay()
    assert torch.equal(back, tokens)
    assert cache[0, 0, 0, :, 0].tolist() == [1] + [0] * 1999 + [1] + [2] * 1999


def test_ranges_arrive() -> None:
    """Each range but its first position, which is zeroed."""
    tokens, back, offsets, moved = run([3, 0, 7], 7)
    assert torch.equal(tokens, back)
    lengths = offsets.diff().flip(0)
    position = torch.arange(7, device="cuda")
    expected = (position > 0) & (position < lengths[:, None])
    assert torch.equal(moved[0, 0, 0, :, 0].bool().reshape(3, 7), expected)
