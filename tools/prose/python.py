"""Reads the prose of Python files: comments, docstrings, help texts, messages of exceptions."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tools.prose.passage import Kind, Line, Passage, dedented

QUOTES = re.compile(r'^\s*[rRuU]?("""|\'\'\'|"|\')')
DIRECTIVE = re.compile(r"#\s*(?:!|noqa\b|type:|ruff:|mypy:|pragma:|fmt:)")
HELP = {"help", "description", "epilog"}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def passages(text: str) -> Iterator[Passage]:
    """Yields the comments of a file, its docstrings, then its messages."""
    yield from _comments(text)
    source = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented):
            yield from _docstring(node, source)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from _messages(node.exc.args)
        elif isinstance(node, ast.Call):
            yield from _messages([word.value for word in node.keywords if word.arg in HELP])


def _comments(text: str) -> Iterator[Passage]:
    """Yields comments; those that stand alone on consecutive lines are joined."""
    lines: list[Line] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or DIRECTIVE.match(token.string):
            continue
        line = Line(token.start[0], token.string.lstrip("#:").removeprefix(" "))
        alone = not token.line[: token.start[1]].strip()
        if lines and not (alone and lines[-1].number + 1 == line.number):
            yield Passage(Kind.COMMENT, lines)
            lines = []
        lines.append(line)
    if lines:
        yield Passage(Kind.COMMENT, lines)


def _docstring(node: Documented, source: list[str]) -> Iterator[Passage]:
    if ast.get_docstring(node, clean=False) is None:
        return
    where = node.body[0]
    raw = source[where.lineno - 1 : where.end_lineno]
    quotes = QUOTES.match(raw[0])
    if quotes is not None:
        raw[-1] = raw[-1].rstrip().removesuffix(quotes[1])
        raw[0] = raw[0][quotes.end() :] if len(raw) > 1 else raw[0].split(quotes[1], 1)[1]
    lines = [Line(where.lineno + i, line) for i, line in enumerate(raw)]
    yield Passage(_kind(node), dedented(lines))


def _kind(node: Documented) -> Kind:
    """Returns whether the docstring is that of a function: properties and dunders are none."""
    if isinstance(node, ast.Module | ast.ClassDef) or node.name.startswith("__"):
        return Kind.DOC
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    is_property = any(re.search(r"property\b|\.setter$", name) for name in decorators)
    return Kind.DOC if is_property else Kind.FUNCTION


def _messages(values: list[ast.expr]) -> Iterator[Passage]:
    for value in values:
        text = _constant(value)
        if text is not None and " " in text.strip():
            lines = [Line(value.lineno, line) for line in text.split("\n")]
            yield Passage(Kind.MESSAGE, lines)


def _constant(value: ast.expr) -> str | None:
    """Returns the text of a string; what an f-string fills in becomes `{}`."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else None
    if isinstance(value, ast.JoinedStr):
        return "".join(_constant(part) or "{}" for part in value.values)
    if isinstance(value, ast.BinOp):
        sides = [_constant(value.left), _constant(value.right)]
        return "".join(side or "" for side in sides) or None
    return None
