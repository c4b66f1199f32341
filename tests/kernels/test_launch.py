"""Where the kernels run: in Triton's interpreter, and without Triton; none recompiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from multibin.kernels.kv import gather_kv_kernel, zero_kv_kernel
from multibin.kernels.launch import INTERPRETED, triton, uses_triton
from multibin.kernels.pad import pad_kernel, unpad_kernel

FOLDER = Path(__file__).parent
INTERPRETABLE = [FOLDER / f"test_{name}.py" for name in ("pad", "kv", "zero_kv", "launch")]

needs_triton = pytest.mark.skipif(triton is None, reason="Triton is not installed")
compiles = pytest.mark.skipif(INTERPRETED, reason="TRITON_INTERPRET is set: nothing compiles")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    variables.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *command],
        env=variables,
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@needs_triton
@compiles
def test_these_tests_pass_in_the_interpreter(tmp_path: Path) -> None:
    """The interpretable tests run again, with the kernels interpreted on the CPU."""
    report = tmp_path / "report.xml"
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={report}")
    result = run("-m", "pytest", *map(str, INTERPRETABLE), *options, TRITON_INTERPRET="1")
    assert result.returncode == 0, result.stdout + result.stderr
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")
    names = {case.get("name", "") for case in suite.iter("testcase") if not list(case)}
    assert "test_cpu_tensors_run_the_kernel_when_interpreted" in names, result.stdout
    assert len(names) >= 300, f"only {len(names)} tests passed\n{result.stdout}"


def test_cpu_tensors_run_the_kernel_when_interpreted() -> None:
    interpreting = os.environ.get("TRITON_INTERPRET") == "1" and triton is not None
    assert uses_triton(torch.zeros(1)) is interpreting


def test_without_triton_the_references_remain() -> None:
    program = """
import sys
sys.modules["triton"] = None
import torch
from multibin.kernels import gather_kv, pad, unpad, zero_kv

tokens, offsets = torch.arange(5), torch.tensor([0, 2, 5])
dense = pad(tokens, offsets, 3)
assert dense.tolist() == [[0, 1, 0], [2, 3, 4]]
assert unpad(dense, offsets, 5).tolist() == tokens.tolist()
cache = torch.arange(8.0).reshape(1, 2, 1, 2, 2)
gather_kv(cache, cache, *torch.tensor([[1], [0], [1]]), longest=1)
assert cache[0, :, 0].tolist() == [[[2, 3], [2, 3]], [[6, 7], [6, 7]]]
zero_kv(cache, *torch.tensor([[1], [1]]), longest=1)
assert cache[0, :, 0].tolist() == [[[2, 3], [0, 0]], [[6, 7], [0, 0]]]
"""
    result = run("-c", program, TRITON_INTERPRET="")
    assert result.returncode == 0, result.stdout + result.stderr


@needs_triton
@compiles
@pytest.mark.parametrize(
    "kernel",
    [pad_kernel, unpad_kernel, gather_kv_kernel, zero_kv_kernel],
    ids=lambda kernel: kernel.__name__,
)
def test_numbers_are_never_specialised(kernel: Any) -> None:
    """So no length, width, stride or fill compiles a kernel again."""
    numbers = [parameter for parameter in kernel.params if parameter.annotation_type == "i64"]
    assert len(numbers) >= 6
    assert all(parameter.do_not_specialize for parameter in numbers)
