"""Where the kernels' tests run: on CPU, and on the GPU where there is one."""

import pytest
import torch

from multibin.kernels.launch import INTERPRETED

DEVICES = ["cpu"] if INTERPRETED or not torch.cuda.is_available() else ["cpu", "cuda"]


@pytest.fixture(scope="session", params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    """On CPU the torch reference, or the kernel in Triton's interpreter; on CUDA the kernel."""
    return torch.device(request.param)
