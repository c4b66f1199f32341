"""The kernels of the engine: each a Triton kernel beside its plain-torch reference.

A CUDA tensor runs the Triton kernel, a CPU tensor the reference. With `TRITON_INTERPRET=1` in the
environment before the first import, CPU tensors run the kernel too, in Triton's interpreter.

The engine uses `pad`, `gather_kv`, which moves ranges of the KV cache, and `zero_kv`, which clears
ranges. `unpad`, the inverse of `pad`, is for other callers.
"""

from multibin.kernels.kv import gather_kv, gather_kv_reference, zero_kv, zero_kv_reference
from multibin.kernels.pad import pad, pad_reference, unpad, unpad_reference

__all__ = [
    "gather_kv",
    "gather_kv_reference",
    "pad",
    "pad_reference",
    "unpad",
    "unpad_reference",
    "zero_kv",
    "zero_kv_reference",
]
