"""The batcher beside its baselines: each figure is measured in pairs within one run.

    make bench-batcher                           every figure whose baselines are installed
    make bench-batcher FIGURES="asyncio idle"    two of them
    python -m benches.batcher asyncio --runs 31

The libraries of `baselines.txt` are no requirement of the project. `make bench-batcher` installs
them into the environment target/baselines, which sees the packages of .venv too. A line whose
baseline is not installed is reported as skipped.

A round runs each contestant once, and the next round runs them in the opposite order. A line shows
the medians of both and the median of the rounds' ratios. Order statistics of the ratios give its
interval, with a confidence of 95 %. The median decides whether a target is met. Where the line says
so, the interval decides: a target is missed if all of the interval is beyond. The exit status is 1
if a target is missed.
"""
