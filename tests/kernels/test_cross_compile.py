"""Every kernel compiles for A100 and H100, without a GPU, into the intended loads and stores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from multibin.kernels.kv import BLOCK as KV_BLOCK
from multibin.kernels.kv import WARPS as KV_WARPS
from multibin.kernels.kv import gather_kv_kernel, zero_kv_kernel
from multibin.kernels.launch import INTERPRETED, triton
from multibin.kernels.pad import BLOCK as PAD_BLOCK
from multibin.kernels.pad import pad_kernel, unpad_kernel

if triton is None:
    pytest.skip("Triton is not installed", allow_module_level=True)
if INTERPRETED:
    pytest.skip("TRITON_INTERPRET is set: nothing compiles", allow_module_level=True)

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

TRITON = tuple(int(part) for part in triton.__version__.split(".")[:2])

pytestmark = pytest.mark.parametrize("arch", [80, 90])


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, so that every kernel compiles, and ptxas prints its log."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_DUMP_PTXAS_LOG", "1")


def compiled(
    kernel: Any,
    arch: int,
    pointers: dict[str, str],
    *,
    aligned: bool = False,
    warps: int = 4,
    **constants: int,
) -> str:
    """Returns the PTX of `kernel`; its numbers are 64 bits wide, as in a launch."""
    signature = {
        parameter.name: "constexpr" if parameter.is_constexpr else "i64"
        for parameter in kernel.params
    } | pointers
    sixteen = [["tt.divisibility", 16]]
    source = ASTSource(
        fn=kernel,
        signature=signature,
        constexprs=constants,
        attrs={(i,): sixteen for i, name in enumerate(signature) if aligned and name in pointers},
    )
    options = {"num_warps": warps, "enable_fp_fusion": False}
    return str(
        triton.compile(source, target=GPUTarget("cuda", arch, 32), options=options).asm["ptx"]
    )


def check_spills(log: str) -> None:
    assert re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", log) == [("0", "0")], (
        log
    )


def widths(ptx: str, operation: str) -> set[str]:
    return set(re.findall(rf"{operation}\.global\.(\S+)", ptx))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("index", [32, 64])
@pytest.mark.parametrize("word", [8, 16, 32, 64])
@pytest.mark.parametrize("kernel", [pad_kernel, unpad_kernel], ids=lambda k: k.__name__)
def test_pad(
    kernel: Any, word: int, index: int, left: bool, arch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pointers = {"tokens": f"*i{word}", "dense": f"*i{word}", "offsets": f"*i{index}"}
    ptx = compiled(kernel, arch, pointers, LEFT=left, BLOCK=PAD_BLOCK)
    assert widths(ptx, "st") == {f"b{word}"}
    check_spills(capsys.readouterr().out)


def kv_pointers(kernel: Any, word: int, index: int) -> dict[str, str]:
    """Returns the types of a KV kernel's caches of words, and of its index tensors."""
    names = [parameter.name for parameter in kernel.params]
    caches = [name for name in names if name in {"source", "destination", "cache"}]
    indices = [name for name in names if name.endswith(("starts", "lengths"))]
    return dict.fromkeys(caches, f"*i{word}") | dict.fromkeys(indices, f"*i{index}")


@pytest.mark.parametrize("index", [32, 64])
@pytest.mark.parametrize("head_dim", [48, 64, 80, 96, 128])
@pytest.mark.parametrize("kernel", [gather_kv_kernel, zero_kv_kernel], ids=lambda k: k.__name__)
def test_kv(
    kernel: Any, head_dim: int, index: int, arch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """In 16-bit caches every access is 16 bytes wide, also where head_dim is no power of two.

    With 40 registers a thread, six programs share a multiprocessor of 65,536 registers.
    """
    pointers = kv_pointers(kernel, 64, index)
    constants = {"VECTOR": 2, "WIDTH": head_dim // 4, "BLOCK": KV_BLOCK}
    ptx = compiled(kernel, arch, pointers, aligned=True, warps=KV_WARPS, **constants)
    # Triton 3.6 does not see that ranges start at whole vectors, and takes 8 bytes at a time.
    wide = "v2.b64" if TRITON >= (3, 7) else "b64"
    assert widths(ptx, "st") <= {wide, "v2.b64"}
    copied = widths(ptx, "ld") & {wide, "v2.b64"} if kernel is gather_kv_kernel else set()
    assert widths(ptx, "ld") == {f"b{index}"} | copied
    log = capsys.readouterr().out
    check_spills(log)
    [registers] = re.findall(r"Used (\d+) registers", log)
    assert int(registers) <= (40 if TRITON >= (3, 7) else 64)


@pytest.mark.parametrize("word", [8, 16, 32, 64])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("kernel", [gather_kv_kernel, zero_kv_kernel], ids=lambda k: k.__name__)
def test_kv_unaligned(
    kernel: Any, width: int, word: int, arch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pointers = kv_pointers(kernel, word, 64)
    ptx = compiled(kernel, arch, pointers, warps=KV_WARPS, VECTOR=1, WIDTH=width, BLOCK=KV_BLOCK)
    assert widths(ptx, "st") == {f"b{word}"}
    check_spills(capsys.readouterr().out)
