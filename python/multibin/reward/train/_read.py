"""Reads examples from files: TRL's columns, VersaPRM's JSON, or the fields of `Example`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from multibin._args import boolean, sentence, shown
from multibin.reward.train._examples import Example

__all__ = ["read_examples"]

PLAIN = (("prompt", "completions"), ("question", "steps"))
"""Names of the question and of the steps, in TRL's columns and in `Example`."""

CHAINS = "chain_of_thoughts"

GOOD_CHANGES = (0, 1)
"""Types of VersaPRM's changed steps (`aug_type`) that keep a step right; the others spoil it."""


def read_examples(
    path: str | Path, *, neutral: bool = False, changed_steps: bool = False
) -> list[Example]:
    """Returns the examples of a file with JSON lines, or with one JSON array.

    The fields of a row decide how it is read:

    - `prompt`, `completions`, `labels`: TRL's columns of stepwise supervision, one row a candidate;
    - `question`, `chain_of_thoughts`: VersaPRM's JSON, one row a question. A chain has `steps`,
      `labels` and `augs`. A chain without labels is left out, as its labelling failed. Labels may
      end at the first bad step.
    - `question`, `steps`, `labels`: the fields of `Example`.

    A label is true or 1 for a good step, false or -1 for a bad one, null for none.

    >>> import json, tempfile
    >>> row = {"prompt": "1 + 1?", "completions": ["1 + 1 = 3"], "labels": [False]}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write(json.dumps(row))
    ...     file.flush()
    ...     read_examples(file.name)
    [Example(question='1 + 1?', steps=('1 + 1 = 3',), labels=(False,))]

    Args:
        path: of the file.
        neutral: whether the label 0, PRM800K's neutral step, is a good one. VersaPRM's code takes
            it for a bad one, its paper for a good one.
        changed_steps: whether the steps in VersaPRM's `augs` are read too. Each is an example of
            the steps before it, without labels, and the changed step.

    Raises:
        OSError: the file cannot be read.
        ValueError: a row does not fit. The message names the file, the row and the field.
    """
    path = Path(path)
    read = _Reader(boolean("neutral", neutral), boolean("changed_steps", changed_steps))
    found: list[Example] = []
    for place, row in _rows(path):
        try:
            found += read.examples(row)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, {place}: {error}") from None
    if not found:
        raise ValueError(f"{path} must have at least one example, got none")
    return found


def _rows(path: Path) -> Iterator[tuple[str, object]]:
    """Yields each row with its place in words."""
    text = _text(path)
    if text.lstrip()[:1] == "[":
        rows = _json(text, str(path))
        yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", _json(line, f"{path}, line {number}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8: {error}") from None


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} must be JSON: {error}") from None


class _Reader:
    """Turns rows into examples."""

    def __init__(self, neutral: bool, changed_steps: bool) -> None:
        self.neutral = neutral
        self.changed_steps = changed_steps

    def examples(self, row: object) -> Iterator[Example]:
        """Yields the examples of a row."""
        if not isinstance(row, dict):
            raise ValueError(sentence("the row", "a JSON object", row))
        if CHAINS in row:
            yield from self._chains(row)
            return
        for question, steps in PLAIN:
            if question in row and steps in row:
                labels = self._labels(_field(row, "labels", list))
                yield _example(_field(row, question, str), _steps(row, steps), labels, steps)
                return
        raise ValueError(
            "the row must have the fields prompt and completions, question and steps, "
            f"or question and {CHAINS}, got {shown(sorted(row))}"
        )

    def _chains(self, row: dict[str, Any]) -> Iterator[Example]:
        question = _field(row, "question", str)
        for number, chain in enumerate(_field(row, CHAINS, list)):
            try:
                yield from self._chain(question, chain)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{CHAINS}[{number}]: {error}") from None

    def _chain(self, question: str, chain: object) -> Iterator[Example]:
        if not isinstance(chain, dict):
            raise ValueError(sentence("the chain", "a JSON object", chain))
        if chain.get("labels") is None:
            return
        steps, labels = _steps(chain, "steps"), self._labels(_field(chain, "labels", list))
        if labels and labels[-1] is False:
            labels += [None] * (len(steps) - len(labels))
        whole = _example(question, steps, labels, "steps")
        yield whole
        if self.changed_steps:
            yield from _changed(whole, chain)

    def _labels(self, labels: list[object]) -> list[bool | None]:
        return [self._label(f"labels[{place}]", label) for place, label in enumerate(labels)]

    def _label(self, name: str, label: object) -> bool | None:
        if label is None or isinstance(label, bool):
            return label
        if label not in (1, 0, -1):
            raise ValueError(sentence(name, "true, false, null, 1, 0 or -1", label))
        return self.neutral if label == 0 else label == 1


def _changed(whole: Example, chain: dict[str, Any]) -> Iterator[Example]:
    """Yields an example for each changed step of a chain."""
    kept = whole.until_first_error().steps
    for number, change in enumerate(_field(chain, "augs", list)):
        name = f"augs[{number}]"
        if not isinstance(change, dict):
            raise ValueError(sentence(name, "a JSON object", change))
        step, at = _field(change, "aug_step", str), _field(change, "aug_idx", int)
        if not 0 <= at <= len(kept):
            raise ValueError(sentence(f"{name}: aug_idx", f"between 0 and {len(kept)}", at))
        good = _field(change, "aug_type", int) in GOOD_CHANGES
        yield Example(whole.question, [*kept[:at], step], [*[None] * at, good])


def _example(question: str, steps: list[str], labels: list[bool | None], name: str) -> Example:
    if len(labels) != len(steps):
        raise ValueError(
            f"labels must have one entry for each of {name}, got {len(labels)} for {len(steps)}"
        )
    return Example(question, steps, labels)


def _steps(row: dict[str, Any], name: str) -> list[str]:
    steps: list[str] = _field(row, name, list)
    for place, step in enumerate(steps):
        if not isinstance(step, str) or not step.strip():
            raise ValueError(sentence(f"{name}[{place}]", "a string that is not empty", step))
    if not steps:
        raise ValueError(sentence(name, "a list that is not empty", steps))
    return steps


def _field(row: dict[str, Any], name: str, kind: type) -> Any:
    names = {str: "a string", list: "a list", int: "an integer"}
    if name not in row:
        raise ValueError(f"the row must have the field {name}, got {shown(sorted(row))}")
    if type(row[name]) is not kind:
        raise ValueError(sentence(name, names[kind], row[name]))
    return row[name]
