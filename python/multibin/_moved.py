"""Says where names went that another version of the package had."""

from __future__ import annotations

import sys

__all__ = ["hint", "install"]

MOVED = {
    "Rival": "multibin.Baseline",
    "ServiceModel": "multibin.CostModel",
    "ServiceTable": "multibin.CostTable",
    "calibration": "multibin.lab.calibrate",
    "commands": "multibin.cli",
    "comparison": "multibin.lab.compare",
    "demo": "multibin.lab.compare.engine",
    "planning": "multibin.lab.plan",
    "reproduce": "multibin.lab.paper",
    "service": "multibin.costs",
    "simulation": "multibin.lab.simulate",
    "theory": "multibin.lab.theory",
    "traces": "multibin.lab.traces",
}
"""Names of the package ``multibin``, and what to write instead."""


def hint(name: str) -> str | None:
    """Returns what to write instead of ``multibin.name``, or None for a name that never was."""
    return f"multibin.{name} is {MOVED[name]}" if name in MOVED else None


class _Finder:
    """Refuses to import a moved module. It comes last, so that it sees only what is not there."""

    def find_spec(self, fullname: str, *_others: object) -> None:
        package, _, name = fullname.partition(".")
        if package == "multibin" and (message := hint(name)):
            raise ImportError(message, name=fullname)


def install() -> None:
    """Lets every import of a moved module fail with the hint."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
