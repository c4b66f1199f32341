"""The digest of weights that a run reads and does not change."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

__all__ = ["frozen_digest"]

WORD = 8
"""Bytes of the integers that are summed, int64."""

SAMPLE = 1024
"""The most elements of a tensor that are hashed in their order."""

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, WORD: torch.int64}


def frozen_digest(model: nn.Module) -> str:
    """Returns a digest, in hexadecimal, of the saved tensors of `model` that are not trained.

    The bytes of a tensor are summed as integers, and some of its elements are hashed. An integer
    sum is the same on every device, for any number of threads. The cost is one reading of the
    weights. Tensors that accelerate offloads count by their shapes alone.
    """
    found = hashlib.sha256()
    for name, each in sorted(model.state_dict(keep_vars=True).items()):
        if isinstance(each, Tensor) and not each.requires_grad:
            found.update(f"{name} {each.dtype} {list(each.shape)} ".encode())
            found.update(b"" if each.is_meta else _summary(each.detach()))
    return found.hexdigest()


def _summary(weight: Tensor) -> bytes:
    """Returns the sum of the words, and elements at equal distances."""
    size = weight.element_size()
    if size not in INTEGERS:
        # Complex numbers are two.
        return _summary(torch.view_as_real(weight))
    flat, several = weight.reshape(-1).view(INTEGERS[size]), WORD // size
    if flat.storage_offset() % several:
        flat = flat.clone()
    whole = len(flat) - len(flat) % several
    # Sums of int64 wrap around, in any order to the same number.
    total = int(flat[:whole].view(torch.int64).sum())
    sample = flat[:: -(-len(flat) // SAMPLE) or 1]
    return total.to_bytes(WORD, "little", signed=True) + _bytes(flat[whole:]) + _bytes(sample)


def _bytes(flat: Tensor) -> bytes:
    return flat.cpu().numpy().tobytes()
