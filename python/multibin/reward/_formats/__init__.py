"""Formats of reward models, and the token ids that they make of questions and candidates."""

from multibin.reward._formats._format import Encoded, Format, Mark

__all__ = ["Encoded", "Format", "Mark"]
