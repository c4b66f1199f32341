"""Chooses bins and a batch size for a CSV file of requests: what `multibin plan` does, as code.

    python -m examples.plan_csv [TRACE]

TRACE has a line for each request: when it came, and the tokens of its prompt and its output.
Without it, 2,000 requests of a chat are made up. No model and no GPU is needed.
"""

import multibin as mb
from examples._small.trace import csv_file
from multibin.lab import plan
from multibin.lab.compare import Settings
from multibin.lab.traces import read


def choose(path: str) -> plan.Plan:
    """Returns the plan with the lowest mean latency at the times of the trace."""
    trace = read(path)
    rate = plan.own_rate(path, trace)
    question = plan.Question(
        Settings(path, costs=mb.CostModel(fixed=0.05, step=0.02, prompt_token=0.0001)),
        plan.Objective(rate),
        batch_sizes=(4, 8, 16),
        bins=(1, 4, 8),
        continuous=False,  # The back-end cannot refill the slots of a running batch.
        speed=1.0,
        quick=True,
    )
    return plan.choose(question, plan.load(question, trace), report=lambda _: None)


def main() -> None:
    """Prints the best of each policy with its mean latency, then the scheduler and the reason."""
    with csv_file(count=2000, rate=2.4) as path:
        found = choose(str(path))
    for outcome in found.outcomes:
        print(f"{outcome.candidate.description:60}{outcome.estimated('mean')} s")
    print(found.chosen.candidate.python)
    print(plan.advice(found))


if __name__ == "__main__":
    main()
