"""Reads which Rust file uses which: `use`, paths in the code, re-exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools import rust
from tools.layout.tree import Tree
from tools.source import is_test

USE = re.compile(r"^[ \t]*(?P<open>pub(?:\([^)]*\))?\s+)?use\s+(?P<tree>[^;]+);", re.MULTILINE)
PATH = re.compile(r"(?<![\w:])(?P<path>\w+(?:::\w+)+)")
DEFINITION = r"\b(?:fn|struct|enum|union|trait|type|const|static|mod|macro_rules!)\s+{}\b"

Name = tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """One name that a `use` brings into a file; `*` stands for all names."""

    path: Name
    name: str
    is_open: bool


@dataclass(frozen=True)
class Module:
    """A module file: its path in the crate, its imports, and the rest of its code."""

    name: Name
    file: str
    code: str
    imports: list[Import]


@dataclass
class Crate:
    """Module files by their path in the crate."""

    modules: dict[Name, Module] = field(default_factory=dict)

    def absolute(self, module: Name, path: Name) -> Name | None:
        """Returns a path from the crate's root, or nothing for one of another crate."""
        while path and path[0] in ("self", "super"):
            module = module[:-1] if path[0] == "super" else module
            path = path[1:]
            if path and path[0] not in ("self", "super"):
                return module + path
        if path and path[0] == "crate":
            return path[1:]
        if not path:
            return module
        return module + path if module + path[:1] in self.modules else None

    def defining(self, path: Name, seen: frozenset[Name] = frozenset()) -> Name:
        """Returns the module that defines what the path names, through all re-exports."""
        module = path
        while module and module not in self.modules:
            module = module[:-1]
        rest = path[len(module) :]
        if not rest or path in seen or self._defines(module, rest[0]):
            return module
        for imported in self.modules[module].imports:
            target = self._through(module, imported, rest[0])
            if target is not None:
                return self.defining(target + rest[1:], seen | {path})
        return module

    def _defines(self, module: Name, name: str) -> bool:
        return bool(re.search(DEFINITION.format(re.escape(name)), self.modules[module].code))

    def _through(self, module: Name, imported: Import, name: str) -> Name | None:
        """Returns where an import leads for `name`, or nothing if it does not bring the name."""
        target = self.absolute(module, imported.path)
        if target is None or imported.name not in (name, "*"):
            return None
        if imported.name != "*":
            return target
        return (*target, name) if target in self.modules and self._offers(target, name) else None

    def _offers(self, module: Name, name: str) -> bool:
        imports = self.modules[module].imports
        return self._defines(module, name) or any(one.name == name for one in imports)

    def used(self, module: Module) -> set[str]:
        """Returns the files that a module uses; a mere re-export of a child is no use."""
        paths = [one.path for one in module.imports if not self._only_passes_on(module, one)]
        paths += [tuple(found["path"].split("::")) for found in PATH.finditer(module.code)]
        targets = (self.absolute(module.name, path) for path in paths)
        files = {self.modules[self.defining(one)].file for one in targets if one is not None}
        return files - {module.file}

    def _only_passes_on(self, module: Module, imported: Import) -> bool:
        if not imported.is_open:
            return False
        return imported.name == "*" or not re.search(rf"\b{imported.name}\b", module.code)


def read(root: Path) -> Tree:
    """Reads the crate below `root`, without its tests."""
    crate = Crate()
    for path in sorted(root.rglob("*.rs")):
        relative = path.relative_to(root)
        if not is_test(relative):
            module = _module(relative, path.read_text(encoding="utf-8"))
            crate.modules[module.name] = module
    _drop_tests(crate, root)
    edges = {module.file: crate.used(module) for module in crate.modules.values()}
    return Tree(set(edges), edges, {"lib.rs", "main.rs"})


def _module(path: Path, text: str) -> Module:
    code = rust.without_tests(rust.blank(text))
    name = path.with_suffix("").parts
    name = name[:-1] if name[-1] in ("lib", "main", "mod") else name
    rest = USE.sub("", code)
    return Module(name, path.as_posix(), rest, [*_imports(code)])


def _drop_tests(crate: Crate, root: Path) -> None:
    """Removes the files that their parent declares for tests alone, and what lies below them."""
    for module in list(crate.modules.values()):
        code = rust.blank((root / module.file).read_text(encoding="utf-8"))
        for found in rust.TEST_FILE.finditer(code):
            test = (*module.name, found[1])
            for name in [one for one in crate.modules if one[: len(test)] == test]:
                del crate.modules[name]


def _imports(code: str) -> Iterator[Import]:
    for found in USE.finditer(code):
        for path, name in expand(" ".join(found["tree"].split())):
            yield Import(path, name, bool(found["open"]))


def expand(tree: str) -> Iterator[tuple[Name, str]]:
    """Yields the paths of a use tree and the names that they get."""
    head, brace, inner = tree.partition("{")
    if brace:
        stem = _segments(head)
        for part in _parts(inner[: inner.rindex("}")]):
            for path, name in expand(part):
                yield (stem, stem[-1]) if path == ("self",) else (stem + path, name)
        return
    plain, _, renamed = tree.partition(" as ")
    segments = _segments(plain)
    if segments[-1] == "*":
        yield segments[:-1], "*"
    else:
        yield segments, renamed.strip() or segments[-1]


def _segments(path: str) -> Name:
    return tuple(part.strip() for part in path.split("::") if part.strip())


def _parts(inner: str) -> Iterator[str]:
    """Yields the parts between the commas that no brace encloses."""
    depth = start = 0
    for at, sign in enumerate(inner + ","):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            if part := inner[start:at].strip():
                yield part
            start = at + 1
