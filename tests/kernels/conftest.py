"""Devices of the kernels' tests: the CPU, and the GPU if there is one."""

import pytest
import torch

from multibin.kernels.launch import INTERPRETED

DEVICES = ["cpu"] if INTERPRETED or not torch.cuda.is_available() else ["cpu", "cuda"]


@pytest.fixture(scope="session", params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    """The CPU, for the torch reference or Triton's interpreter, and CUDA, for the kernel."""
    return torch.device(request.param)
