"""Formats of reward models, and the token ids that they make of questions and candidates.

- ``_format`` says what a format is; a family of models is a file with one constructor.
- ``_encode`` makes ids: ``_whole`` at once, ``_pieces`` piece by piece. ``_texts`` checks before.
- ``_chat`` cuts chat templates into pieces, ``_columns`` looks labels up, ``_split`` parts texts.
"""

from multibin.reward._formats._columns import columns
from multibin.reward._formats._encode import encode
from multibin.reward._formats._format import Encoded, Format, Mark, Pair, positive_share
from multibin.reward._formats._outcome import outcome
from multibin.reward._formats._registry import FORMATS, format_of
from multibin.reward._formats._split import split
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
    "outcome",
    "positive_share",
    "split",
    "versaprm",
]
