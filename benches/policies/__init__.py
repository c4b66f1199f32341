"""The policy comparison: every policy on every load, for the page ``benches/results/policies.md``.

``model`` defines what is compared, and ``run`` plays and measures it. ``tables``, ``targets``,
``drift`` and ``figures`` show it. From the root of the repository:

    python -m benches.policies --trace azure_llm_2023_conv.csv --figures benches/results
"""
