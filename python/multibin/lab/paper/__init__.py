"""The numbers of Multi-Bin Batching (Guldogan, Kunde, Lee, Pedarsani, arXiv 2412.04504), each
beside ours: closed forms from ``multibin.lab.theory``, simulations with the scheduler that ships.

``rows`` is what one comparison is and how it prints, ``lab`` simulates the paper's three workloads,
``items`` holds the paper's numbers, ``figures`` draws them (extra ``plot``).
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
