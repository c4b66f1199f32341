"""Measures how many rows fit into the KV cache: size classes, blocks, and one dense length.

    python -m benches.kv_memory

The trace is that of `../shared/data`; `--trace` names another.
"""
