"""The results as tables, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from examples.reward_domains.domains import DOMAINS
from examples.reward_domains.measure import Asked, Floats, aucs, curves
from examples.reward_domains.models import Result
from multibin.reward.choose import Curve, Difference, compare

VOTE, BEST = "weighted_majority_vote", "best_of_n"
PAIR = ("all domains", "arithmetic only")
NAMES = [domain.name for domain in DOMAINS]


@dataclass(frozen=True)
class Findings:
    """The curves of majority votes and of each model's choices, by domain."""

    majority: dict[str, Curve]
    ceiling: dict[str, Curve]
    """Whether any candidate is right."""
    chosen: dict[tuple[str, str], dict[str, Curve]]
    """By the name of the model and the way to choose."""
    auc: dict[str, dict[str, float]]
    """Of the process models, by name and domain."""
    seeds: int
    """Of the candidates."""

    def gain(self, model: str, how: str, domain: str) -> Difference:
        """Returns the accuracy of a model's choices minus that of majority votes."""
        return compare(self.chosen[model, how][domain], self.majority[domain])

    def gain_by_seed(self, model: str, how: str, domain: str) -> Floats:
        """Returns the gain with the most candidates for each seed of these, shape ``[seeds]``."""
        draws = self.chosen[model, how][domain].hits[-1].mean(1)
        gains = draws - self.majority[domain].hits[-1].mean(1)
        return np.asarray(gains.reshape(self.seeds, -1).mean(1))


def find(asked: Sequence[Sequence[Asked]], results: Sequence[Result]) -> Findings:
    """Returns what all models do with the same candidates."""
    chosen = {
        (result.name, how): curves(asked, result.scores, how)
        for result in results
        for how in (VOTE, BEST)
    }
    process = [result for result in results if result.name not in ("outcome", "verdict")]
    return Findings(
        curves(asked, None, "majority_vote"),
        curves(asked, None, "any_correct"),
        chosen,
        {result.name: aucs(asked, result.scores) for result in process},
        len(asked),
    )


def claim_table(findings: Findings) -> str:
    """Returns the gains of two process models over majority votes, as a Markdown table."""
    heads = ["majority vote", "any right"]
    for model in PAIR:
        heads += [f"{model}: vote", "best of N", "step AUC"]
    rows = []
    for name in NAMES:
        cells = [_percent(findings.majority[name]), _percent(findings.ceiling[name])]
        for model in PAIR:
            cells += [_gain(findings.gain(model, how, name)) for how in (VOTE, BEST)]
            cells.append(f"{findings.auc[model][name]:.2f}")
        rows.append([name, *cells])
    return _table(["domain", *heads], rows)


def kinds_table(findings: Findings) -> str:
    """Returns the gains of models of all domains, one of each kind, as a Markdown table."""
    models = {"process": "all domains", "outcome": "outcome", "verdict": "verdict"}
    ways = {"vote": VOTE, "best of N": BEST}
    heads = [f"{kind}: {way}" for kind in models for way in ways]
    rows = [
        [
            name,
            *(
                _gain(findings.gain(model, how, name))
                for model in models.values()
                for how in ways.values()
            ),
        ]
        for name in NAMES
    ]
    return _table(["domain", *heads], rows)


def claim(findings: Findings) -> list[str]:
    """Returns what the paper claims, in sentences with the numbers found."""
    wide, narrow = ([_points(findings, model, name) for name in NAMES] for model in PAIR)
    gains = sum(gain >= 5 for gain in wide[1:])
    return [
        f"all domains: +5 points or more in {gains} of the {len(NAMES) - 1} outside arithmetic",
        f"arithmetic only: {np.mean(narrow[1:]):+.1f} points on average there",
        f"in arithmetic the first gains {wide[0] - narrow[0]:+.1f} points more than the second",
        *(_by_seed(findings, model) for model in PAIR),
    ]


def _by_seed(findings: Findings, model: str) -> str:
    means = np.mean([findings.gain_by_seed(model, VOTE, name) for name in NAMES[1:]], axis=0)
    each = ", ".join(f"{100 * mean:+.1f}" for mean in means)
    return f"{model}, outside arithmetic, by seed of the candidates: {each}"


def _points(findings: Findings, model: str, name: str) -> float:
    return 100 * float(findings.gain(model, VOTE, name).difference[-1])


def _percent(curve: Curve) -> str:
    return f"{100 * curve.accuracy[-1]:.1f}"


def _gain(gain: Difference) -> str:
    """Returns the gain with the most candidates, in points, and its interval."""
    mean, low, high = (100 * each[-1] for each in (gain.difference, gain.low, gain.high))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def draw(findings: Findings, path: Path) -> None:
    """Draws accuracy against the number of candidates, a panel a domain; it needs matplotlib."""
    # Without pyplot: the figure needs no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    lines = {
        "majority vote": findings.majority,
        "vote, all domains": findings.chosen["all domains", VOTE],
        "vote, arithmetic only": findings.chosen["arithmetic only", VOTE],
        "best of N, all domains": findings.chosen["all domains", BEST],
    }
    panels = figure.subplots(1, len(NAMES), sharey=True)
    for name, axes in zip(NAMES, panels, strict=True):
        for label, found in lines.items():
            _line(axes, found[name], label)
        axes.set_title(name)
        axes.set_xlabel("candidates")
    panels[0].set_ylabel("right answers, %")
    panels[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)


def _line(axes: Any, curve: Curve, label: str) -> None:
    """Draws a curve, and its interval over questions as a band."""
    axes.plot(curve.ns, 100 * curve.accuracy, marker="o", markersize=3, label=label)
    axes.fill_between(curve.ns, 100 * curve.low, 100 * curve.high, alpha=0.15)
    axes.set_xscale("log", base=2)
    axes.set_xticks(curve.ns, [str(n) for n in curve.ns])
