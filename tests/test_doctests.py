"""The examples in docstrings run, those of the compiled classes too."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import multibin

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def modules() -> Iterator[str]:
    """Yields the name of every module of the package, compiled ones and entry points aside."""
    yield "multibin"
    for found in pkgutil.walk_packages(multibin.__path__, "multibin."):
        if found.name.rpartition(".")[2] not in ("_core", "__main__"):
            yield found.name


def examples(name: str) -> list[doctest.DocTest]:
    """Returns the doctests of a module, with those of properties and static methods of compiled
    classes.
    """
    try:
        module = importlib.import_module(name)
        # Some modules import their names on first use.
        for public in getattr(module, "__all__", ()):
            getattr(module, public)
    except ImportError as error:
        pytest.skip(str(error))
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    parser = doctest.DocTestParser()
    for owner in vars(module).values():
        if inspect.isclass(owner) and owner.__module__ == name:
            for attribute, value in vars(owner).items():
                value = value.__func__ if isinstance(value, staticmethod) else value
                if (
                    inspect.isgetsetdescriptor(value) or inspect.isbuiltin(value)
                ) and value.__doc__:
                    title = f"{name}.{owner.__name__}.{attribute}"
                    space = dict(vars(module))
                    found.append(parser.get_doctest(value.__doc__, space, title, None, None))
    return [example for example in found if example.examples]


@pytest.mark.parametrize("name", list(modules()))
def test_examples_of_docstrings_run(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    said: list[str] = []
    for example in examples(name):
        runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
