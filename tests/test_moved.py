"""Names that moved: every way to ask for one is refused with the name to write instead."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

import multibin
from multibin._moved import MOVED


@pytest.mark.parametrize("name", MOVED)
def test_a_moved_name_says_where_it_went(name: str) -> None:
    message = f"^multibin.{name} is {MOVED[name]}$"
    with pytest.raises(AttributeError, match=message):
        getattr(multibin, name)
    with pytest.raises(ImportError, match=message):
        exec(f"from multibin import {name}")
    with pytest.raises(ImportError, match=message):
        exec(f"import multibin.{name}")
    with pytest.raises(ImportError, match=message):
        importlib.import_module(f"multibin.{name}")


@pytest.mark.parametrize("name", ["traces.arrivals", "theory.uniform"])
def test_a_module_inside_a_moved_one_says_so_too(name: str) -> None:
    moved = name.partition(".")[0]
    with pytest.raises(ImportError, match=f"^multibin.{moved} is multibin.lab.{moved}$"):
        importlib.import_module(f"multibin.{name}")


@pytest.mark.parametrize("name", MOVED)
def test_what_a_moved_name_became_exists(name: str) -> None:
    package, _, last = MOVED[name].rpartition(".")
    if name == "calibration":
        pytest.importorskip("torch", reason="calibration needs the extra `llm`")
    if last[0].isupper():
        assert isinstance(getattr(multibin, last), type)
    else:
        assert isinstance(importlib.import_module(MOVED[name]), ModuleType)
        assert package


def test_other_names_are_unknown_as_ever() -> None:
    assert not hasattr(multibin, "theory")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = multibin.nonsense
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'multibin\.nonsense'"):
        importlib.import_module("multibin.nonsense")
