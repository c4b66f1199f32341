"""Stands in for Hypothesis where it is missing: properties are skipped, tests beside them run."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from unittest import SkipTest, TestCase

import pytest

__all__ = ["install"]

REASON = "hypothesis is missing"


class Anything:
    """Answers every call and attribute with itself; strategies are built, and never drawn from."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __or__(self, _: Any) -> Any:
        return self


class Skipped(TestCase):
    """The test of a state machine."""

    def runTest(self) -> None:
        raise SkipTest(REASON)


class RuleBasedStateMachine:
    """Its `TestCase` is skipped."""

    TestCase = Skipped


def given(*_: Any, **__: Any) -> Callable[[Any], Any]:
    return pytest.mark.skip(reason=REASON)


def unchanged(*_: Any, **__: Any) -> Callable[[Any], Any]:
    return lambda function: function


class Settings:
    """Decorates without effect, and has profiles without effect."""

    register_profile = load_profile = staticmethod(lambda *_, **__: None)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, function: Any) -> Any:
        return function


class Module(ModuleType):
    """A module with every attribute."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # torch looks for it in what is imported.
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


def install(modules: MutableMapping[str, ModuleType]) -> None:
    """Puts the stand-in where `import hypothesis` finds it."""
    root, strategies, stateful = (
        Module(name) for name in ("hypothesis", "hypothesis.strategies", "hypothesis.stateful")
    )
    vars(root).update(
        given=given,
        example=unchanged,
        seed=unchanged,
        settings=Settings,
        strategies=strategies,
        stateful=stateful,
        __path__=[],
    )
    vars(stateful).update(
        RuleBasedStateMachine=RuleBasedStateMachine,
        rule=unchanged,
        invariant=unchanged,
        initialize=unchanged,
        precondition=unchanged,
    )
    extra = Module("hypothesis.extra"), Module("hypothesis.extra.numpy")
    vars(extra[0]).update(numpy=extra[1], __path__=[])
    modules.update({module.__name__: module for module in (root, strategies, stateful, *extra)})
