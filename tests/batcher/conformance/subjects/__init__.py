"""The batchers that the checks know, each behind the protocol ``Subject``."""

from __future__ import annotations

import importlib
from typing import cast

from ..subject import Subject

# The library of each subject is imported where it is opened: it may be missing here.
OURS = ["multibin", "reference"]
PEERS = [
    "batched",
    "batched_aio",
    "async_batcher",
    "aiodataloader",
    "flyte",
    "infinity",
    "bentoml",
    "ray",
    "razors_edge",
    "litserve",
    "mosec",
]


def find(name: str) -> Subject:
    """Returns the subject of a name; ``module:attribute`` names one that is not of this folder."""
    module, _, attribute = name.partition(":")
    if module in OURS + PEERS:
        subject = importlib.import_module(f"{__name__}.{module}").SUBJECT
        return cast(Subject, subject.of(attribute) if attribute else subject)
    return cast(Subject, getattr(importlib.import_module(module), attribute))
