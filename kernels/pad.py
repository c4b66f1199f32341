"""Ragged rows to a dense batch and back.

`offsets` [rows + 1] bounds the rows: row r is `tokens[offsets[r]:offsets[r + 1]]`. Only its own
device reads it, so its values are not checked: they must not decrease. A position outside `tokens`
reads as `fill`. Nothing here waits for the device, and no length recompiles a kernel.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from multibin._args import integer, one_of, sentence
from multibin.kernels.launch import (
    WORDS,
    check_alike,
    check_index,
    check_tensor,
    jit,
    launch,
    tl,
    uses_triton,
)

Side: TypeAlias = Literal["right", "left"]

BLOCK = 1024


@jit(do_not_specialize_on_alignment=["tokens", "offsets", "dense"])
def pad_kernel(
    tokens: tl.tensor,  # [total]
    offsets: tl.tensor,  # [rows + 1]
    dense: tl.tensor,  # [rows, width]
    fill: tl.int64,
    total: tl.int64,
    width: tl.int64,
    token_stride: tl.int64,
    row_stride: tl.int64,
    column_stride: tl.int64,
    LEFT: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Writes, as program (row, block), columns block * BLOCK ... of one dense row, each once."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    start = tl.load(offsets + row).to(tl.int64)
    end = tl.load(offsets + row + 1).to(tl.int64)
    source = column + (end - width if LEFT else start)
    inside = (source >= tl.maximum(start, 0)) & (source < tl.minimum(end, total))
    padding = fill.to(dense.dtype.element_ty)
    token = tl.load(tokens + source * token_stride, mask=inside, other=padding)
    tl.store(dense + row * row_stride + column * column_stride, token, mask=column < width)


@jit(do_not_specialize_on_alignment=["dense", "offsets", "tokens"])
def unpad_kernel(
    dense: tl.tensor,  # [rows, width]
    offsets: tl.tensor,  # [rows + 1]
    tokens: tl.tensor,  # [total]
    fill: tl.int64,
    rows: tl.int64,
    steps: tl.int64,  # halvings of `rows` down to 0
    total: tl.int64,
    width: tl.int64,
    row_stride: tl.int64,
    column_stride: tl.int64,
    token_stride: tl.int64,
    LEFT: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Writes, as program block, positions block * BLOCK ... of the tokens, each once."""
    position = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    # The row of a position is the number of rows that end at or before it. A halving too many is
    # harmless. It is a `while`, as the interpreter of Triton 3.6 has no range of a run-time number.
    row = tl.zeros_like(position)
    high = row + rows
    while steps > 0:
        middle = (row + high) // 2
        open_ = row < high
        ended = tl.load(offsets + 1 + middle, mask=open_, other=0) <= position
        row = tl.where(open_ & ended, middle + 1, row)
        high = tl.where(open_ & ~ended, middle, high)
        steps -= 1
    found = row < rows
    start = tl.load(offsets + row, mask=found, other=0).to(tl.int64)
    end = tl.load(offsets + row + 1, mask=found, other=0).to(tl.int64)
    column = position - (end - width if LEFT else start)
    inside = found & (position >= start) & (column >= 0) & (column < width)
    padding = fill.to(tokens.dtype.element_ty)
    source = dense + row * row_stride + column * column_stride
    token = tl.load(source, mask=inside, other=padding)
    tl.store(tokens + position * token_stride, token, mask=position < total)


@torch.no_grad()
def pad(
    tokens: Tensor,
    offsets: Tensor,
    width: int,
    *,
    side: Side = "right",
    fill: float = 0,
    out: Tensor | None = None,
) -> Tensor:
    """Returns the ragged rows of `tokens` as one dense batch.

    >>> import torch
    >>> from multibin.kernels import pad
    >>> pad(torch.tensor([5, 6, 7, 8, 9]), torch.tensor([0, 2, 5]), 3).tolist()
    [[5, 6, 0], [7, 8, 9]]
    >>> pad(torch.tensor([5, 6, 7, 8, 9]), torch.tensor([0, 2, 5]), 2, side="left").tolist()
    [[5, 6], [8, 9]]

    Args:
        tokens: [total], of any dtype of at most 8 bytes; its values are moved, never computed with.
        offsets: [rows + 1] int32 or int64 on the device of `tokens`.
        width: columns of the batch, known on the host.
        side: where the padding goes. A row longer than `width` keeps its first `width` tokens
            with "right", its last with "left".
        fill: the value of the padding, one that the dtype holds.
        out: where to write, [rows, width] of the dtype and on the device of `tokens`; any strides.

    Returns:
        [rows, width], `out` if given. Every position is written. No gradient flows.

    Raises:
        TypeError: an argument of a wrong type or dtype.
        ValueError: a wrong shape, device, side, or a `fill` or `width` out of range.
    """
    width = _check(tokens, 1, offsets, width, "width", side)
    shape = (offsets.numel() - 1, width)
    words, bits = _words(tokens), _bits(fill, tokens.dtype)
    _check_output(out, shape, tokens)
    if not uses_triton(tokens):
        dense = pad_reference(words, offsets, width, side=side, fill=bits).view(tokens.dtype)
        return dense if out is None else out.copy_(dense)
    out = tokens.new_empty(shape) if out is None else out
    if out.numel():
        _launch_pad(words, offsets, _words(out), bits, side == "left")
    return out


def _launch_pad(tokens: Tensor, offsets: Tensor, dense: Tensor, fill: int, left: bool) -> None:
    rows, width = dense.shape
    numbers = (fill, tokens.numel(), width, *tokens.stride(), *dense.stride())
    grid = (rows, -(-width // BLOCK))
    launch(pad_kernel, grid, tokens, offsets.contiguous(), dense, *numbers, left, BLOCK)


def pad_reference(
    tokens: Tensor, offsets: Tensor, width: int, *, side: Side = "right", fill: float = 0
) -> Tensor:
    """Pads in plain torch; arguments are not checked.

    >>> import torch
    >>> from multibin.kernels import pad_reference
    >>> pad_reference(torch.tensor([5, 6, 7]), torch.tensor([0, 2, 3]), 2, fill=-1).tolist()
    [[5, 6], [7, -1]]
    """
    starts, ends = offsets[:-1, None], offsets[1:, None]
    columns = torch.arange(width, device=tokens.device)
    source = columns + (starts if side == "right" else ends - width)
    outside = (source < starts.clamp(min=0)) | (source >= ends.clamp(max=tokens.numel()))
    if not tokens.numel():
        return tokens.new_full(source.shape, fill)
    source = source.clamp_(0, tokens.numel() - 1).view(-1)
    return tokens.index_select(0, source).view(outside.shape).masked_fill_(outside, fill)


@torch.no_grad()
def unpad(
    dense: Tensor,
    offsets: Tensor,
    total: int,
    *,
    side: Side = "right",
    fill: float = 0,
    out: Tensor | None = None,
) -> Tensor:
    """Returns the rows of a dense batch, one behind the other: the inverse of `pad`.

    >>> import torch
    >>> from multibin.kernels import unpad
    >>> unpad(torch.tensor([[5, 6, 0], [7, 8, 9]]), torch.tensor([0, 2, 5]), 5).tolist()
    [5, 6, 7, 8, 9]

    Args:
        dense: [rows, width], of any dtype of at most 8 bytes and with any strides.
        offsets: [rows + 1] int32 or int64 on the device of `dense`.
        total: tokens of all rows together, `offsets[rows]`, known on the host.
        side: where the padding is.
        fill: the value of positions that `dense` lacks: what `pad` cut from a row longer than
            `width`, and positions of no row.
        out: where to write, [total] of the dtype and on the device of `dense`; any stride.

    Returns:
        [total], `out` if given. Every position is written. No gradient flows.

    Raises:
        TypeError: an argument of a wrong type or dtype.
        ValueError: a wrong shape, device, side, or a `fill` or `total` out of range.
    """
    total = _check(dense, 2, offsets, total, "total", side)
    if dense.shape[0] != offsets.numel() - 1:
        rows = dense.shape[0]
        rule = f"{rows + 1} bounds for the {rows} rows of dense"
        raise ValueError(f"offsets must hold {rule}, got {offsets.numel()}")
    words, bits = _words(dense), _bits(fill, dense.dtype)
    _check_output(out, (total,), dense)
    if not uses_triton(dense):
        tokens = unpad_reference(words, offsets, total, side=side, fill=bits).view(dense.dtype)
        return tokens if out is None else out.copy_(tokens)
    out = dense.new_empty(total) if out is None else out
    if out.numel():
        _launch_unpad(words, offsets, _words(out), bits, side == "left")
    return out


def _launch_unpad(dense: Tensor, offsets: Tensor, tokens: Tensor, fill: int, left: bool) -> None:
    (rows, width), total = dense.shape, tokens.numel()
    numbers = (fill, rows, rows.bit_length(), total, width, *dense.stride(), *tokens.stride())
    grid = (-(-total // BLOCK),)
    launch(unpad_kernel, grid, dense, offsets.contiguous(), tokens, *numbers, left, BLOCK)


def unpad_reference(
    dense: Tensor, offsets: Tensor, total: int, *, side: Side = "right", fill: float = 0
) -> Tensor:
    """Unpads in plain torch; arguments are not checked.

    >>> import torch
    >>> from multibin.kernels import unpad_reference
    >>> unpad_reference(torch.tensor([[5, 6], [7, 0]]), torch.tensor([0, 2, 3]), 3).tolist()
    [5, 6, 7]
    """
    if not dense.numel():
        return dense.new_full((total,), fill)
    rows, width = dense.shape
    positions = torch.arange(total, dtype=offsets.dtype, device=dense.device)
    row = torch.searchsorted(offsets[1:].contiguous(), positions, right=True)
    outside = (row >= rows) | (positions < offsets[0])
    row.clamp_(max=rows - 1)
    column = positions - (offsets[row] if side == "right" else offsets[row + 1] - width)
    outside |= (column < 0) | (column >= width)
    return dense[row, column.clamp_(0, width - 1)].masked_fill_(outside, fill)


def _check(
    data: Tensor, dimensions: int, offsets: Tensor, size: int, size_name: str, side: str
) -> int:
    check_tensor("tokens" if dimensions == 1 else "dense", data, dimensions)
    check_index("offsets", offsets, data)
    if not offsets.numel():
        raise ValueError("offsets must hold rows + 1 bounds, got 0")
    one_of("side", side, ("right", "left"))
    return integer(size_name, size)


def _check_output(out: Tensor | None, shape: tuple[int, ...], like: Tensor) -> None:
    if out is not None:
        check_tensor("out", out, len(shape))
        check_alike("out", out, shape=torch.Size(shape), dtype=like.dtype, device=like.device)


def _words(tensor: Tensor) -> Tensor:
    """Returns the elements as integers of their size, bit for bit."""
    return tensor.view(WORDS[tensor.dtype.itemsize])


def _bits(fill: float, dtype: torch.dtype) -> int:
    """Returns `fill` as the word that holds it, made on the host, so no device is read."""
    try:
        scalar = torch.tensor(fill, dtype=dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise _unfit(fill, dtype) from error
    rounds = dtype.is_floating_point or dtype.is_complex
    if scalar.dim() or not (rounds or scalar.item() == fill):
        raise _unfit(fill, dtype)
    return int(_words(scalar).item())


def _unfit(fill: object, dtype: torch.dtype) -> ValueError:
    return ValueError(sentence("fill", f"a value of {dtype}", fill))
