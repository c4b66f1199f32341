"""Prints a trace of a million drawn requests as CSV.

``python -m benches.million > million.csv`` is what ``multibin plan million.csv`` is timed on:
log-normal lengths, and 5 requests a second whose gaps have a coefficient of variation of 1.5.
"""

from __future__ import annotations

import csv
import sys

from multibin.lab.traces import arrivals, lengths

N = 1_000_000


def main() -> None:
    """Writes the header and a row a request."""
    times = arrivals.gamma(N, 5.0, 1.5, seed=2)
    prompts = lengths.log_normal(N, 500, 1.0, seed=0, high=8000)
    outputs = lengths.log_normal(N, 200, 0.8, seed=1, high=2000)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["arrival_s", "prompt_tokens", "output_tokens"])
    out.writerows(zip(times.round(6).tolist(), prompts.tolist(), outputs.tolist(), strict=True))


if __name__ == "__main__":
    main()
