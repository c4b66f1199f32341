"""The option ``--format`` of ``multibin score``."""

from __future__ import annotations

import importlib
from typing import Any

from multibin._args import sentence
from multibin.cli._options import needing_engine

__all__ = ["NAMES", "read_format"]

# Known without torch, for --help; a test compares them with those of `multibin.reward`.
NAMES = (
    "versaprm",
    "math-shepherd",
    "math-psa",
    "qwen-prm",
    "rlhflow",
    "rlhflow-mistral",
    "rlhflow-orm",
    "skywork",
    "trl",
    "outcome",
    "verdict",
)


def read_format(text: str) -> Any:
    """Returns a name as it is, and for MODULE:NAME the ``Format`` that the module has.

    Raises:
        TypeError, ValueError: the module cannot be found, or has no ``Format`` of that name.
    """
    module, colon, name = text.partition(":")
    if not colon:
        return text
    kind = needing_engine("multibin.reward").Format
    found = getattr(_imported(module, text), name, None)
    if not isinstance(found, kind):
        raise TypeError(sentence("format", f"MODULE:NAME of a Format in {module}", text))
    return found


def _imported(module: str, text: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ModuleNotFoundError, TypeError, ValueError) as error:
        missing = getattr(error, "name", None)
        if module and missing is not None and not f"{module}.".startswith(f"{missing}."):
            raise  # The module is there, and what it imports is not.
        rule = "MODULE:NAME of a module that Python finds, such as by PYTHONPATH=."
        raise ValueError(sentence("format", rule, text)) from None
