"""The options of the commands of this folder."""

from __future__ import annotations

import argparse

from benches.policies.model import Lab

from multibin.lab.traces import chat, read

__all__ = ["make_lab", "parser"]


def parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--trace", help="Trace with the lengths of the chat load (invented ones)")
    parser.add_argument("--quick", action="store_true", help="Run 2 seeds with 20,000 requests")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument(
        "--searched", type=int, default=400_000, help="Requests of a search for saturation"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    return parser


def make_lab(options: argparse.Namespace) -> Lab:
    trace = read(options.trace) if options.trace else chat(20_000, seed=10**6)
    n, searched, seeds = options.requests, options.searched, options.seeds
    if options.quick:
        n, searched, seeds = 20_000, 40_000, 2
    return Lab(trace.output_tokens, n, searched, seeds, options.first_seed)
