"""Fits costs to a benchmark of an engine with continuous batching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin import _args
from multibin.lab.fit_costs._check import Check, compare
from multibin.lab.fit_costs._observed import FEWEST, Observed, observe
from multibin.lab.fit_costs._predict import Times, predict
from multibin.lab.fit_costs._refine import refined
from multibin.lab.fit_costs._start import regressed
from multibin.lab.fit_costs._work import TERMS, decode_work

if TYPE_CHECKING:
    from multibin.lab.traces import Trace

__all__ = ["FittedCosts", "fit_benchmark"]

Chosen = NDArray[np.bool_]

HARDLY = 0.02
"""Share of requests that came while all slots were taken from which the slots were a limit."""

ALIKE = 1.2
"""Ratio of the most to the fewest rows (deciles) below which the rows count as one number."""


@dataclass(frozen=True)
class FittedCosts:
    """Costs that were fitted to a benchmark, and how well they repeat it."""

    costs: mb.CostModel
    slots: int
    """Rows that run together at most."""
    slots_given: bool
    """False if the slots were found from the times."""
    limited: bool
    """False if hardly a request waited for a slot, so that the engine may have more of them."""
    chunk: int
    """Steps between two refills of the slots."""
    fitted: Check
    """The requests that the costs were fitted to."""
    held_out: Check | None
    """The second half, by costs fitted to the first half. None with fewer than 40 requests."""

    notes: tuple[str, ...]
    """What a user must know, a sentence each."""

    @property
    def scheduler(self) -> mb.Baseline:
        """Returns the continuous batching that the fit assumes."""
        return mb.Baseline.continuous(self.slots, chunk=self.chunk)

    def scheduler_for(self, trace: Trace) -> mb.Baseline:
        """Returns the continuous batching for another benchmark of the engine.

        It has more slots than the fit if no limit was seen and more requests ran there at one time.

        Raises:
            ValueError: the trace has no measured times, or those of fewer than 20 requests.
        """
        if self.slots_given or self.limited:
            return self.scheduler
        return mb.Baseline.continuous(max(self.slots, *observe(trace).slots), chunk=self.chunk)


def fit_benchmark(
    trace: Trace, slots: SupportsIndex | None = None, *, chunk: SupportsIndex = 1
) -> FittedCosts:
    """Returns the costs with which continuous batching repeats the times of a benchmark.

    It fits ``step``, ``row_step``, ``kv_token``, ``prompt_token`` and ``fixed``, none of them
    negative. A regression on the reconstructed work of each request is the start. Rounds of
    simulation improve it. The second half of the requests is also predicted by costs that were
    fitted to the first half alone.

    Args:
        trace: a benchmark, as ``traces.read`` reads it: requests with a time to first token and a
            latency. Without arrivals all requests come at once.
        slots: the rows that run together at most, ``--max-num-seqs`` of vLLM. None: the number, of
            those that the times suggest, with which they are repeated best.
        chunk: steps between two refills of the slots.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: the trace has no measured times, or those of fewer than 20 requests. Or a number
            is out of range.

    >>> import multibin as mb
    >>> from dataclasses import replace
    >>> from multibin.lab.fit_costs import fit_benchmark
    >>> from multibin.lab.traces import Measured, arrivals, chat
    >>> trace = chat(200, seed=0).with_arrivals(arrivals.poisson(200, rate=1.0, seed=1))
    >>> costs = mb.CostModel(step=0.02, prompt_token=1e-4, completes="row")
    >>> played = mb.simulate(trace, scheduler=mb.Baseline.continuous(16), costs=costs)
    >>> ttft, decoded = played.first_token - played.arrival, trace.output_tokens - 1
    >>> tpot = (played.finish - played.first_token) / decoded.clip(1)
    >>> trace = replace(trace, measured=Measured(ttft, played.latency, tpot))
    >>> found = fit_benchmark(trace, slots=16)
    >>> abs(found.costs.step / 0.02 - 1) < 0.05
    True
    """
    seen = observe(trace)
    refill = _args.integer("chunk", chunk, low=1)
    given = None if slots is None else _args.integer("slots", slots, low=1)
    everything = np.ones(len(seen), bool)
    fits = [Fit(trace, seen, count, refill) for count in ([given] if given else seen.slots)]
    best = min(fits, key=lambda fit: fit.to(everything)[1])
    held_out = None
    if len(seen) >= 2 * FEWEST:
        first, second = _halves(seen)
        held_out = compare(trace, seen, best.play(best.to(first)[0]), second)
    costs = best.to(everything)[0]
    fitted = compare(trace, seen, best.play(costs))
    limited = seen.waiting(best.slots) > HARDLY
    return FittedCosts(
        costs=costs,
        slots=best.slots,
        slots_given=given is not None,
        limited=limited,
        chunk=refill,
        fitted=fitted,
        held_out=held_out,
        notes=(*fitted.notes, *_slots_note(given, best.slots, limited), *_rows_note(seen)),
    )


@dataclass(frozen=True)
class Fit:
    """The fits to one benchmark with a number of slots."""

    trace: Trace
    seen: Observed
    slots: int
    chunk: int

    def play(self, costs: mb.CostModel) -> Times:
        """Returns the times of the observed requests with these costs."""
        scheduler = mb.Baseline.continuous(self.slots, chunk=self.chunk)
        return predict(self.trace, self.seen, scheduler, costs)

    def to(self, chosen: Chosen) -> tuple[mb.CostModel, float]:
        """Returns the costs fitted to the chosen requests, and what is left of their deviations."""
        start = regressed(self.seen, self.slots, chosen)
        return refined(start, self.play, self.seen, chosen)


def _halves(seen: Observed) -> tuple[Chosen, Chosen]:
    """Returns the requests that came first, and the others; of a burst every second one."""
    order = np.arange(len(seen))
    burst = seen.arrival[-1] == seen.arrival[0]
    first = order % 2 == 0 if burst else order < len(seen) // 2
    return first, ~first


def _slots_note(given: int | None, slots: int, limited: bool) -> list[str]:
    if given is not None or limited:
        return []
    return [
        f"Hardly a request waited for a slot: the engine may have more than {slots}. Give the"
        " number as max_num_seqs to predict heavier loads."
    ]


def _rows_note(seen: Observed) -> list[str]:
    """Returns a sentence where one number of rows ran all the time."""
    work = decode_work(seen)[seen.decoded > 0]
    if not len(work):
        return ["All answers have one token: step, row_step and kv_token cannot be told apart."]
    rows = work[:, TERMS.index("row_step")] / work[:, TERMS.index("step")]
    few, many = np.quantile(rows, [0.1, 0.9])
    if many > ALIKE * few:
        return []
    return [
        f"About {np.median(rows):.0f} rows ran all the time: step and row_step cannot be told apart"
        " by these requests, and other numbers of rows are guesses."
    ]
