"""What the whole run and the step of a model share."""

from __future__ import annotations

import argparse

__all__ = ["AGAIN", "add_options"]

AGAIN = 3
"""The status of a step that asks for a new process, for the contestants that have not begun."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the sizes of a workload."""
    parser.add_argument("--requests", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--bins", type=int, default=12)
    parser.add_argument("--median", type=float, default=24.0, help="tokens of an output (24)")
    parser.add_argument("--longest", type=int, default=192, help="tokens of an output (192)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and all draws (0)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small models of the same kinds")
