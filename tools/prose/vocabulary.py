"""Loads the words, the retired names and the exemptions from `words.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Self

from tools.source import matches

WORDS = Path(__file__).with_name("words.toml")


@dataclass(frozen=True)
class Retired:
    """A name that the project gave up, and the globs of files that may keep it."""

    pattern: re.Pattern[str]
    instead: str
    allowed: list[str]


@dataclass(frozen=True)
class Vocabulary:
    """Holds what the rules look up."""

    skip: list[str]
    words: list[tuple[re.Pattern[str], str]]
    never: re.Pattern[str]
    no_verbs: set[str]
    retired: list[Retired]
    allow: list[dict[str, str]]

    @classmethod
    def load(cls, path: Path = WORDS) -> Self:
        """Reads the file; an exemption without a reason is a `KeyError`."""
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        allow = data.get("allow", [])
        for entry in allow:
            _ = entry["path"], entry["rule"], entry["reason"]
        openings = data["openings"]
        never = re.compile(rf"(?:{'|'.join(openings['never'])})\b")
        words = [(_word(pattern), instead) for pattern, instead in data["words"].items()]
        retired = [_retired(name, entry) for name, entry in data["retired"].items()]
        return cls(data["skip"], words, never, set(openings["no_verbs"]), retired, allow)

    def exempts(self, path: PurePath, rule: str) -> bool:
        """Returns true if an exemption covers the file and the rule."""
        return any(entry["rule"] == rule and matches(path, [entry["path"]]) for entry in self.allow)


def snake(text: str) -> str:
    """Turns CamelCase into snake_case and the rest into lower case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower()


def _word(pattern: str) -> re.Pattern[str]:
    spaced = pattern.replace(" ", r"\s+")
    return re.compile(rf"(?<!\w)(?:{spaced})(?!\w)", re.IGNORECASE)


def _retired(name: str, entry: dict[str, Any]) -> Retired:
    pattern = re.compile(rf"(?<![a-z]){re.escape(snake(name))}s?(?![a-z])")
    return Retired(pattern, entry["instead"], entry.get("allowed", []))
