"""The digest of weights that a run reads and does not change."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

__all__ = ["frozen_digest"]

CHUNK = 1 << 22
"""Elements that are summed at a time: a sum in int64 copies them."""

SAMPLE = 1024
"""The most elements of a tensor that are hashed in their order."""

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def frozen_digest(model: nn.Module) -> str:
    """Returns a digest, in hexadecimal, of the saved tensors of `model` that are not trained.

    The bits of all elements are summed as integers, and some elements of each tensor are hashed. An
    integer sum is the same on every device, for any number of threads. The cost is one reading of
    the weights. Tensors that accelerate offloads count by their shapes alone.
    """
    found = hashlib.sha256()
    for name, each in sorted(model.state_dict(keep_vars=True).items()):
        if isinstance(each, Tensor) and not each.requires_grad:
            found.update(f"{name} {each.dtype} {list(each.shape)} ".encode())
            found.update(b"" if each.is_meta else _summary(each.detach()))
    return found.hexdigest()


def _summary(weight: Tensor) -> bytes:
    """Returns the sum of the elements' bits, and elements at equal distances."""
    size = weight.element_size()
    if size not in INTEGERS:
        # Complex numbers are two.
        return _summary(torch.view_as_real(weight))
    flat = weight.reshape(-1).view(INTEGERS[size])
    # Sums of int64 wrap around, in any order to the same number.
    parts = (flat[start : start + CHUNK] for start in range(0, len(flat), CHUNK))
    total = sum(int(part.sum(dtype=torch.int64)) for part in parts) % 2**64
    sample = flat[:: -(-len(flat) // SAMPLE) or 1].cpu().numpy().tobytes()
    return total.to_bytes(8, "little") + sample
