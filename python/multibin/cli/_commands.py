"""The subcommands, each a module of ``multibin.cli``, with the line that describes it.

The lines are here, so that ``multibin --help`` imports none of the modules.
"""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS = {
    "calibrate": ("Measure how long batches take, or fit it to a benchmark, for simulate and plan"),
    "demo": "Run the policies with the engine: what bins save, in one table and one picture",
    "generate": (
        "Answer a file of prompts, one JSON object a line; a second run continues the first"
    ),
    "plan": (
        "Choose policy, bins, edges, batch size and waits for a load; exit status 1 if none will do"
    ),
    "reproduce": "Print the paper's numbers beside ours; exit status 1 if one is out of tolerance",
    "score": "Score a file of candidates step by step; a second run continues the first",
    "simulate": "Play policies on a trace: throughput, latencies, the highest stable rate of each",
}
