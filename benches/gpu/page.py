"""The page of a run, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

__all__ = ["page"]

Record = Mapping[str, Any]

BASES = ("generate-sorted", "reference")
"""Contestants to which the others of a table are compared, the first that ran."""
RUN_COLUMNS = {
    "contestant": "{contestant}",
    "tokens": "{tokens:,.0f}",
    "tokens/s": "{tokens/s:,.0f}",
    "÷ `{base}`": "{ratio:.2f}",
    "seconds": "{seconds:.2f}",
    "passes": "{passes:,.0f}",
    "ms/pass": "{ms/pass:.2f}",
    "same text": "{same text:.1%}",
}


def page(records: Sequence[Record]) -> str:
    """Returns the page of these records, in their order."""
    return "\n".join(_lines(records)) + "\n"


def _lines(records: Sequence[Record]) -> Iterator[str]:
    setting = next((r for r in records if r["kind"] == "setting"), {})
    yield f"# {setting.get('machine', 'unknown machine')}, {setting.get('date', 'unknown date')}\n"
    yield from (
        f"- {name}: {value}" for name, value in setting.items() if name not in ("kind", "machine")
    )
    yield from _steps([r for r in records if r["kind"] == "step"])
    yield from _rates([r for r in records if r["kind"] == "rate"])
    yield from _tests([r for r in records if r["kind"] == "test"])
    yield from _runs([r for r in records if r["kind"] == "run"])


def _steps(steps: Sequence[Record]) -> Iterator[str]:
    if not steps:
        return
    yield "\n## Steps\n"
    ended = {r["step"]: r for r in steps}
    yield from _table(
        ["step", "outcome", "seconds", "limit"],
        (
            [n, r["outcome"], _number(r.get("seconds")), f"{r['limit']:.0f}"]
            for n, r in ended.items()
        ),
    )
    for name, record in ended.items():
        if tail := record.get("tail"):
            yield f"\nThe last lines of {name}:\n\n```text"
            yield from (line.replace("```", "'''") for line in tail)
            yield "```"


def _rates(rates: Sequence[Record]) -> Iterator[str]:
    if rates:
        yield "\n## The machine\n"
        yield from _table(
            ["rate", "value", "unit"], ([r["name"], f"{r['value']:,.1f}", r["unit"]] for r in rates)
        )


def _tests(tests: Sequence[Record]) -> Iterator[str]:
    if not tests:
        return
    yield "\n## Tests\n"
    outcomes = ("passed", "failed", "skipped")
    rows = []
    for step, group in groupby(sorted(tests, key=lambda r: r["step"]), key=lambda r: r["step"]):
        found = [r["outcome"] for r in group]
        rows.append([step, *(str(found.count(outcome)) for outcome in outcomes)])
    yield from _table(["step", *outcomes], rows)
    failed = [r for r in tests if r["outcome"] == "failed"]
    if failed:
        yield "\nFailed:\n"
        yield from (f"- `{r['test']}`: {_line(r['why'])}" for r in failed)
    reasons = {_line(r["why"]): r["test"] for r in tests if r["outcome"] == "skipped"}
    if reasons:
        yield "\nReasons of those that were skipped, with one test each:\n"
        yield from (f"- {why} (`{test}`)" for why, test in reasons.items())


def _runs(runs: Sequence[Record]) -> Iterator[str]:
    for model, group in groupby(runs, key=lambda r: r["model"]):
        rows = list(group)
        title = next((r["workload"] for r in rows if "workload" in r), "")
        yield f"\n## {model}\n\n{title}\n"
        done = [r for r in rows if r["outcome"] == "passed"]
        speeds = {r["contestant"]: r["tokens/s"] for r in done}
        base = next((name for name in BASES if name in speeds), BASES[0])
        heads = [head.replace("{base}", base) for head in RUN_COLUMNS]
        yield from _table(heads, (_cells(r, speeds.get(base)) for r in done))
        for record in rows:
            if record["outcome"] == "failed":
                yield f"\n`{record['contestant']}` failed: {_line(record['why'])}"
        ended = {r["contestant"] for r in rows if r["outcome"] != "begun"}
        yield from (
            f"\n`{r['contestant']}` did not end."
            for r in rows
            if r["outcome"] == "begun" and r["contestant"] not in ended
        )


def _cells(run: Record, base: float | None) -> list[str]:
    ratio = run["tokens/s"] / base if base else None
    values = {"ratio": ratio, "ms/pass": None, "same text": None} | dict(run)
    if run["passes"]:
        values["ms/pass"] = 1e3 * run["seconds"] / run["passes"]
    return [_cell(form, values) for form in RUN_COLUMNS.values()]


def _cell(form: str, values: Mapping[str, Any]) -> str:
    """Formats the one value that a cell names; an unknown value is a dash.

    >>> _cell("{tokens/s:.1f}", {"tokens/s": 2.25}), _cell("{ratio:.2f}", {"ratio": None})
    ('2.2', '–')
    """
    name, _, how = form.strip("{}").partition(":")
    return "–" if values[name] is None else format(values[name], how)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _line(text: str) -> str:
    """Returns the first line of a text, at most 160 characters of it."""
    first = text.strip().splitlines()[0] if text.strip() else "no reason given"
    return first if len(first) <= 160 else first[:159] + "…"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
