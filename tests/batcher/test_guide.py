"""The tables of the guide name every argument and every number, as they are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_type_hints

import multibin as mb
from multibin.batcher import BatcherStats
from multibin.batcher._decorator import _Options

GUIDE = Path(__file__).parents[2] / "docs/guides/batcher.md"


def table(head: str, after: str) -> dict[str, list[str]]:
    """Returns the cells of each row of a table by the name in its first cell."""
    text = GUIDE.read_text()
    text = text[text.index(after) :]
    lines = text[text.index(head) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name.strip("`"): rest for name, *rest in cells}


def test_all_arguments_have_their_defaults() -> None:
    parameters = inspect.signature(mb.Batcher.__init__).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    rows = table("| argument |", "## All arguments")
    shown = {name: default.strip("`") for name, (_, default, _) in rows.items()}
    assert shown == {name: repr(value).replace("'", '"') for name, value in defaults.items()}
    assert list(rows) == list(defaults)
    assert set(get_type_hints(_Options)) == set(defaults)


def test_all_fields_of_the_stats_are_defined() -> None:
    rows = table("| field |", "`stats()` returns")
    with mb.Batcher(lambda items: items) as batcher:
        assert list(rows) == list(BatcherStats.__annotations__) == list(batcher.stats())
    assert all(definition for [definition] in rows.values())


def test_the_definitions_are_those_of_the_reference() -> None:
    rows = table("| field |", "`stats()` returns")
    documented = re.findall(
        r'^    (\w+): .*\n    """(.+)\.?"""', inspect.getsource(BatcherStats), re.M
    )
    for name, text in documented:
        if name != "costs":
            [definition] = rows[name]
            assert definition.replace("`", "").lower() == text.rstrip(".").replace("`", "").lower()


def test_all_fields_of_the_costs_are_defined() -> None:
    rows = table("| field |", '`costs` has with `costs="learn"`')
    with mb.Batcher(lambda items: items, batch_size=4, length=len) as batcher:
        list(batcher.map(["some", "text"] * 2000))
        while "rows_that_pay" not in (costs := batcher.stats()["costs"]):
            list(batcher.map(["some", "text"] * 500))
    assert list(rows) == list(costs)
