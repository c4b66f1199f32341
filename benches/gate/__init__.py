"""The gate and the fitted edges on stationary traffic: all of ``benches/results/gate.md``.

``model`` defines the requests. ``run`` plays them through the simulator, and ``fed`` through a gate
alone. ``watched``, ``fed`` and ``swaps`` test the claims; ``tables`` and ``figures`` show them.
From the root of the repository:

    python -m benches.gate --figure benches/results
"""
