"""The gate and the fitted edges on stationary traffic: the page ``docs/gate.md`` from one run.

``model`` says which requests come, ``run`` plays them through the simulator and ``fed`` through a
gate alone. ``watched``, ``turns`` and ``swaps`` put the claims to the test, ``tables`` and
``figures`` show them. From the root of the repository:

    python -m benches.gate --figure docs
"""
