"""Renders the records as docs/reference/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.models.records import CAUSAL, GROUPS, OUTCOMES, WAYS, Record, Run, differences

INTRODUCTION = """\
# Models

Every causal model class of transformers, tried on a tiny model of its family: two or four layers,
64 positions, random weights, float64. The engine continues twelve prompts under three policies:
rows that climb, batches that run to their end, and rows that join running ones, with prompts in
pieces. Every text is compared with that of `model.generate` for the prompt alone.

- `make models` tries all classes of the installed transformers, writes the records in
  [models/](models/), and makes this page from them.
- `make check` compares a sample with the records, `python -m tools.models --all` every row.
- `python -m tools.models TYPE…` tries single types and prints the outcome.

A config is the default of its family with small numbers: a window is 16 tokens wide, and layers
of several kinds remain. Variants are configs that checkpoints have and defaults lack.
Where the engine refuses, the last column says how many of twelve texts are exact in transformers'
own batch, padded on the left.
"""


def render(runs: Sequence[Run]) -> str:
    """Returns the page of `runs`: whole tables of the first, differences of the others."""
    parts = [INTRODUCTION, _counts(runs)]
    if runs:
        parts += [_table(runs[0], group, title) for group, title in GROUPS.items()]
    parts += [_changes(runs[0], other) for other in runs[1:]]
    return "\n".join(parts)


def _counts(runs: Sequence[Run]) -> str:
    """Returns the table of outcomes of causal language models under each version."""
    counts = [run.counts(CAUSAL) for run in runs]
    rows = [
        [outcome, *(str(count[outcome]) for count in counts), meaning]
        for outcome, meaning in OUTCOMES.items()
    ]
    rows.append(["all", *(str(sum(count.values())) for count in counts), ""])
    ways = _markdown(
        ["attention", "models", "meaning"],
        [
            [name, str(sum(r.attention == name for r in runs[0].of(CAUSAL))), meaning]
            for name, meaning in WAYS.items()
        ]
        if runs
        else [],
    )
    versions = [f"transformers {run.transformers}, torch {run.torch}" for run in runs]
    newest = f" with transformers {runs[0].transformers}" if runs else ""
    made = [f"{run.date} with transformers {run.transformers}" for run in runs]
    table = _markdown(["outcome", *versions, "meaning"], rows)
    return (
        f"## Counts\n\nCausal language models, tried on {', on '.join(made)}.\n\n{table}\n"
        f"How those that run attend{newest}:\n\n{ways}"
    )


def _table(run: Run, group: str, title: str) -> str:
    heads = ["name", "class", "outcome", "attention", "reason", "padded batch"]
    rows = [
        [f"`{r.model_type}`", f"`{r.model_class}`", r.outcome, r.attention, r.reason, r.batch]
        for r in run.of(group)
    ]
    counts = ", ".join(f"{count} {name}" for name, count in run.counts(group).items() if count)
    return (
        f"## {title}\n\nTransformers {run.transformers}: {counts or 'none'}.\n\n"
        f"{_markdown(heads, rows)}"
    )


def _changes(newest: Run, other: Run) -> str:
    """Returns the rows of `other` that differ, and the types that only one version has."""
    pairs = [
        (before, after)
        for before, after in differences(other.records, newest.records)
        if (before.outcome, before.reason) != (after.outcome, after.reason)
    ]
    rows = [
        [f"`{before.model_type}`", _describe(before), _describe(after)] for before, after in pairs
    ]
    heads = ["name", f"with {other.transformers}", f"with {newest.transformers}"]
    table = _markdown(heads, rows) if rows else "No row differs.\n"
    only = [
        f"Only {a.transformers} has {_only(a, b)}.\n" for a, b in ((newest, other), (other, newest))
    ]
    return "\n".join([f"## What differs with transformers {other.transformers}\n", table, *only])


def _describe(record: Record) -> str:
    return f"{record.outcome}: {record.reason}" if record.reason else record.outcome


def _only(one: Run, other: Run) -> str:
    known = {record.model_type for record in other.records}
    names = [f"`{r.model_type}`" for r in one.records if r.model_type not in known]
    return ", ".join(names) or "none"


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )
