"""Plays a CSV file of requests in order of arrival and in bins, on a clock that takes no time.

    python -m examples.simulate_csv [TRACE]

TRACE has a line for each request: when it came, and the tokens of its prompt and its output.
Without it, 4,000 requests of a chat are made up. No model and no GPU is needed.
"""

import numpy as np

import multibin as mb
from examples._small.trace import csv_file
from multibin.lab.traces import Trace, describe_trace, read

BATCH_SIZE = 8
# The seconds of a batch: a fixed part, one for each step, and one for each token of its prompts.
COSTS = mb.CostModel(fixed=0.05, step=0.02, prompt_token=0.0001)


def policies(trace: Trace) -> dict[str, mb.SchedulerConfig]:
    """Returns ways to form batches; their edges are fitted to the first half of the requests."""
    past = trace.output_tokens[: len(trace) // 2]
    one = mb.Edges([0, 1])
    optimal = mb.Edges.optimal(past, bins=8, batch_size=BATCH_SIZE)
    levels = mb.Edges.feedback(past, bins=8, overhead=2)
    return {
        "one bin": mb.SchedulerConfig(one, BATCH_SIZE),
        "8 bins, lengths are known": mb.SchedulerConfig(optimal, BATCH_SIZE),
        "8 bins, requests climb": mb.SchedulerConfig(levels, BATCH_SIZE, overrun="climb"),
    }


def play(trace: Trace, config: mb.SchedulerConfig) -> tuple[float, float, float]:
    """Returns the mean latency, its 99th percentile, and the rows of a batch."""
    if config.overrun == "climb":
        trace = trace.with_predicted(np.zeros_like(trace.output_tokens))  # Nothing is predicted.
    records = mb.simulate(trace, scheduler=config, costs=COSTS)
    p99 = np.percentile(records.latency, 99)
    rows = records.entries.sum() / len(records.batches)
    return float(records.latency.mean()), float(p99), float(rows)


def main() -> None:
    """Prints a line for each policy."""
    with csv_file(count=4000, rate=2.4) as path:
        trace = read(path)
    print(describe_trace(trace))
    print(f"{'':28}{'mean latency':>15}{'p99':>10}{'rows':>8}")
    for name, config in policies(trace).items():
        mean, p99, rows = play(trace, config)
        print(f"{name:28}{mean:13.1f} s{p99:8.1f} s{rows:8.1f}")


if __name__ == "__main__":
    main()
