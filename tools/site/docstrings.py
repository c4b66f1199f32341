"""An extension of griffe: examples become blocks of code, and ``__new__`` makes the signature."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Function, Object, Parameters

EXAMPLE = re.compile(r"^( *)>>> .*\n?(?:\1(?!\s*$).*\n?)*", re.MULTILINE)
FLAGS = re.compile(r" *# doctest: .*$", re.MULTILINE)
# Docstrings link to pages from the root; mkdocstrings writes all into docs/reference/python.
LINK = re.compile(r"\]\(docs/")
SEVERAL = re.compile(r"^(    )(\w+(?:, \w+)+)(: .*\n?(?:     +.*\n?)*)", re.MULTILINE)


class Docstrings(Extension):
    """Prepares what is read from the sources and from the stubs of compiled classes."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Rewrites the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            linked = LINK.sub("](../../", obj.docstring.value)
            obj.docstring.value = fenced(parted(linked))

    def on_members(self, *, obj: Object, **_: Any) -> None:
        """Takes the signature of a compiled class from ``__new__``, as it has no ``__init__``."""
        new = obj.members.get("__new__")
        if isinstance(new, Function) and "__init__" not in obj.members:
            parameters = Parameters(*new.parameters)
            obj.set_member("__init__", Function("__init__", parameters=parameters))


def fenced(text: str) -> str:
    """Returns a docstring with each example, up to a blank line, in a fence.

    Markdown reads ``>>>`` as a quotation.

    >>> fenced("Adds.\\n\\n>>> 1 + 1\\n2")
    'Adds.\\n\\n```pycon\\n>>> 1 + 1\\n2\\n```\\n'
    """
    return EXAMPLE.sub(_fence, text)


def _fence(found: re.Match[str]) -> str:
    indent, code = found[1], FLAGS.sub("", found[0].rstrip()).replace("<BLANKLINE>", "")
    return f"{indent}```pycon\n{code}\n{indent}```\n"


def parted(text: str) -> str:
    """Returns a docstring in which each argument has a line of its own.

    >>> parted("Args:\\n    a, b: numbers.\\n")
    'Args:\\n    a: numbers.\\n    b: numbers.\\n'
    """
    return SEVERAL.sub(_parts, text)


def _parts(found: re.Match[str]) -> str:
    rest = found[3] if found[3].endswith("\n") else found[3] + "\n"
    return "".join(f"{found[1]}{name}{rest}" for name in found[2].split(", "))
