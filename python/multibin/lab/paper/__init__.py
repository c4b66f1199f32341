"""The numbers of Multi-Bin Batching (Guldogan, Kunde, Lee, Pedarsani, arXiv 2412.04504), and ours.

Ours are closed forms of ``multibin.lab.theory``, and simulations with the shipped scheduler.
``Lab`` simulates the paper's three workloads. ``sections`` compares the numbers; ``table`` and
``records`` show them, and ``draw`` draws the paper's figures.
"""

from __future__ import annotations

from multibin.lab.paper._figures import check_target, draw
from multibin.lab.paper._items import sections
from multibin.lab.paper._lab import Lab
from multibin.lab.paper._rows import Row, Section, records, table

__all__ = [
    "Lab",
    "Row",
    "Section",
    "check_target",
    "draw",
    "records",
    "sections",
    "table",
]
