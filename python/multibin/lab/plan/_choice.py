"""Chooses one candidate from the best of each policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from multibin.lab.compare import DRAWN
from multibin.lab.plan._estimate import Estimate, ratio
from multibin.lab.plan._load import Load
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Question
from multibin.lab.plan._search import Report, best_of_each, order, search
from multibin.lab.plan._uncertainty import below_saturation, with_estimates, with_saturation

__all__ = ["MIN_IMPROVEMENT", "Plan", "choose", "differs", "improvement"]

MIN_IMPROVEMENT = 1.03
"""What another policy must improve over one bin to be chosen instead."""

ANY_LATENCY = 1e9
"""A bound in seconds that every latency keeps."""


@dataclass(frozen=True)
class Plan:
    """The best of each policy, and the one to take."""

    question: Question
    outcomes: tuple[Outcome, ...]
    """The best of each policy, with its saturation, one bin first."""
    chosen: Outcome
    """The best of those that ``mb.Scheduler`` runs.

    It is continuous batching where that alone meets the objective. Where none meets it, it is the
    nearest: what exceeds the memory the least, then what misses its bounds the least. Without
    bounds it is what sustains the highest rate."""
    played: tuple[Outcome, ...] = ()
    """All that were played on all requests."""
    highest: Outcome | None = None
    """Where none meets the objective at its rate: what meets it at the highest rate, if anything.

    Without bounds of times and memory it is the outcome with the highest saturation."""

    @property
    def fifo(self) -> Outcome:
        """Returns the best outcome of one bin."""
        return self.outcomes[0]

    @property
    def one_bin_is_cut(self) -> bool:
        """Returns whether one bin fills the widest batches that were tried, and more could run."""
        widest = max(self.question.batch_sizes)
        return self.question.wider and self.fifo.figures.rows >= widest

    @property
    def continuous(self) -> Outcome | None:
        """Returns the outcome of continuous batching, or None if the back-end cannot do it."""
        last = self.outcomes[-1]
        return last if last.candidate.policy.name == "continuous" else None

    @property
    def binned(self) -> Outcome | None:
        """Returns the best outcome with more than one bin, or None."""
        return min(
            (each for each in self.outcomes if len(each.candidate.edges) > 1),
            key=order,
            default=None,
        )


def improvement(outcome: Outcome, over: Outcome) -> Estimate | None:
    """Returns how many times better an outcome is, or None unless both meet the objective.

    The interval is that of the ratio on the same stretches of the load.
    """
    if not (outcome.meets and over.meets):
        return None
    pairs = list(zip(over.scores, outcome.scores, strict=False))
    return ratio(over.score, outcome.score, pairs)


def differs(gain: Estimate | None) -> bool:
    """Returns whether a ratio is 1 or more on other stretches, too."""
    return gain is None or gain.low is None or gain.low > 1


def choose(question: Question, load: Load, report: Report) -> Plan:
    """Searches, and chooses the best.

    One bin is chosen if nothing improves it by ``MIN_IMPROVEMENT``. It is also chosen if the 90 %
    interval of the improvement includes 1: another stretch of the load may show no difference.

    Args:
        question: what is asked.
        load: the requests.
        report: is called with a line of text before each run.

    >>> from multibin.lab.compare import Settings
    >>> from multibin.lab.plan import Objective, Question, advice, choose, load
    >>> from multibin.lab.traces import arrivals, chat
    >>> trace = chat(2000, seed=0).with_arrivals(arrivals.poisson(2000, rate=0.5, seed=1))
    >>> settings = Settings("chat")
    >>> question = Question(settings, Objective(0.5), batch_sizes=(8,), bins=(1,), climbing=False)
    >>> plan = choose(question, load(question, trace), report=lambda line: None)
    >>> plan.chosen.candidate.policy.name, plan.chosen.steady, advice(plan)[:18]
    ('fifo', True, 'One bin is enough:')
    """
    found = search(question, load, report)
    best = with_saturation(question, load, found.best, report)
    best = below_saturation(question, load, best, report)
    best = with_estimates(question, load, best, report)
    plan = Plan(question, tuple(best), _best(best), tuple(found.played))
    if plan.chosen.meets or question.objective.rate is None:
        return plan
    if not question.objective.bounds and question.kv_tokens is None:
        return replace(plan, highest=_stablest(best))
    return replace(plan, highest=_highest(question, load, report))


def _best(outcomes: Sequence[Outcome]) -> Outcome:
    batches = [each for each in outcomes if each.candidate.policy.name != "continuous"]
    best = min(batches, key=order)
    if not best.meets:
        best = min(outcomes, key=order)
        return best if best.steady or not best.within_bounds else _stablest(outcomes)
    gain = improvement(best, outcomes[0])
    if gain is not None and (gain.value < MIN_IMPROVEMENT or not differs(gain)):
        return outcomes[0]
    return best


def _stablest(outcomes: Sequence[Outcome]) -> Outcome:
    """Returns what sustains the highest rate; one bin if none adds ``MIN_IMPROVEMENT``."""
    fitting = [each for each in outcomes if each.fits] or list(outcomes)
    gaining = [each for each in fitting if each.candidate.gains_enough] or fitting
    best = max(gaining, key=_sustained)
    enough = _sustained(best) >= MIN_IMPROVEMENT * _sustained(fitting[0])
    return best if enough else fitting[0]


def _sustained(outcome: Outcome) -> float:
    return outcome.saturation.value if outcome.saturation is not None else 0.0


def _highest(question: Question, load: Load, report: Report) -> Outcome | None:
    """Returns what meets the objective at the highest rate, on at most ``DRAWN`` requests."""
    fewer = replace(load, base=load.part(DRAWN))
    bounds = {} if question.objective.bounds else {"slo_p99": ANY_LATENCY}
    asked = replace(question, objective=replace(question.objective, rate=None, **bounds))
    meeting = [each for each in best_of_each(search(asked, fewer, report).best) if each.meets]
    if not meeting:
        return None
    best = max(meeting, key=lambda each: each.rate)
    return with_estimates(asked, fewer, [best], report)[0]
