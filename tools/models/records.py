"""Records, the rows of the page, and their files, one for each version of transformers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

EXACT = "exact"
WITHIN = "exact within"
REFUSED = "refused"
FULL = "refused, full attention"
WRONG = "wrong"
ERROR = "error"
NOT_BUILT = "not built"

OUTCOMES = {
    EXACT: "every text equals that of transformers, to the end of the context",
    WITHIN: "exact, and the engine's context is shorter than the config's positions",
    REFUSED: "a `ValueError` when the `LLM` is made: a layer of an unknown kind, or "
    "transformers itself does not run the model",
    FULL: "a `ValueError` although every layer caches like full attention; the reason says why",
    WRONG: "some text differs",
    ERROR: "an exception that is not a `ValueError`",
    NOT_BUILT: "no tiny model, or one that transformers itself does not run",
}
"""Each outcome and its meaning, in the order of the page."""

FAULTS = (WRONG, ERROR)

OWN = "own"
EXPANDED = "expanded"
MASKED = "masked"

WAYS = {
    OWN: "the layers call the engine's attention, which reads the KV cache in place",
    EXPANDED: "the same, over keys and values that each layer computes from cached ones",
    MASKED: "the layers have attention of their own, with a mask: rows are as wide as the longest, "
    "prompts are padded, and windows shorten the context",
}
"""Each way in which a model runs, and its meaning."""

CAUSAL = "causal"
IMAGE = "image"
VARIANT = "variant"

GROUPS = {
    CAUSAL: "Causal language models",
    IMAGE: "Models that read images too, given text alone",
    VARIANT: "Variants of configs",
}
"""The tables of the page and their titles."""


@dataclass(frozen=True, order=True)
class Record:
    """The outcome of one model type, or of a variant of its config."""

    model_type: str
    model_class: str
    outcome: str
    reason: str = ""
    batch: str = ""
    """How many texts of transformers' own left-padded batch are exact; only of refused models."""
    group: str = CAUSAL
    """The table of the page."""
    attention: str = ""
    """One of `WAYS`; empty for a model that does not run."""


@dataclass(frozen=True)
class Run:
    """The records of one version of transformers, sorted by model type."""

    transformers: str
    torch: str
    date: str
    records: tuple[Record, ...]

    def of(self, group: str) -> list[Record]:
        """Returns the records of one table."""
        return [record for record in self.records if record.group == group]

    def counts(self, group: str) -> dict[str, int]:
        """Returns how many records of a table have each outcome, in the order of `OUTCOMES`."""
        counted = Counter(record.outcome for record in self.of(group))
        return {outcome: counted[outcome] for outcome in OUTCOMES}


HEAD = re.compile(r"# transformers (\S+), torch (\S+), (\S+)")


def write(run: Run, path: Path) -> None:
    """Writes `run` as tab-separated text: a line of versions, a line of names, a line a record."""
    names = [field.name for field in fields(Record)]
    lines = [f"# transformers {run.transformers}, torch {run.torch}, {run.date}", "\t".join(names)]
    lines += ["\t".join(astuple(record)) for record in run.records]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read(path: Path) -> Run:
    """Returns the run that `write` wrote.

    Raises:
        ValueError: the first line has not the form that `write` gives it.
    """
    head, _, *rows = path.read_text().splitlines()
    found = HEAD.fullmatch(head)
    if found is None:
        raise ValueError(f"{path} must begin with a line of versions, got {head!r}")
    transformers, torch, date = found.groups()
    return Run(transformers, torch, date, tuple(Record(*row.split("\t")) for row in rows))


def read_all(folder: Path) -> list[Run]:
    """Returns the runs of `folder`, the newest version first."""
    runs = [read(path) for path in folder.glob("*.tsv")]
    return sorted(runs, key=lambda run: version(run.transformers), reverse=True)


def version(text: str) -> tuple[int, ...]:
    """Returns the numbers of a version, so that 5.9 comes before 5.17."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def differences(old: Iterable[Record], new: Iterable[Record]) -> list[tuple[Record, Record]]:
    """Returns pairs of old and new records of one model type that differ."""
    known = {record.model_type: record for record in old}
    pairs = [(known[record.model_type], record) for record in new if record.model_type in known]
    return [(before, after) for before, after in pairs if before != after]
