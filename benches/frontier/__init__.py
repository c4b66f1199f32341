"""The frontier: every policy on every load, the page ``docs/frontier.md`` from one run.

``model`` says what is compared, ``run`` plays and measures, ``tables``, ``bars``, ``turn`` and
``figures`` show it. From the root of the repository:

    python -m benches.frontier --trace azure_llm_2023_conv.csv --figures docs
"""
