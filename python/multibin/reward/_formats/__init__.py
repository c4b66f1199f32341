"""Formats of reward models, and the token ids that they make of questions and candidates.

- ``_format`` says what a format is; a family of models is a file with one constructor.
- ``_encode`` makes ids: ``_whole`` at once, ``_pieces`` piece by piece. ``_texts`` checks before.
- ``_chat`` cuts chat templates into pieces, ``_columns`` looks labels up, ``_split`` parts texts.
"""

from multibin.reward._formats._columns import columns
from multibin.reward._formats._encode import encode
from multibin.reward._formats._format import Encoded, Format, Mark, Pair, positive_share
from multibin.reward._formats._lines import skywork, trl
from multibin.reward._formats._math_shepherd import math_psa, math_shepherd
from multibin.reward._formats._outcome import outcome
from multibin.reward._formats._qwen_prm import qwen_prm
from multibin.reward._formats._registry import FORMATS, format_of
from multibin.reward._formats._rlhflow import rlhflow, rlhflow_mistral, rlhflow_orm
from multibin.reward._formats._split import split
from multibin.reward._formats._verdict import verdict
from multibin.reward._formats._versaprm import versaprm

__all__ = [
    "FORMATS",
    "Encoded",
    "Format",
    "Mark",
    "Pair",
    "columns",
    "encode",
    "format_of",
    "math_psa",
    "math_shepherd",
    "outcome",
    "positive_share",
    "qwen_prm",
    "rlhflow",
    "rlhflow_mistral",
    "rlhflow_orm",
    "skywork",
    "split",
    "trl",
    "verdict",
    "versaprm",
]
