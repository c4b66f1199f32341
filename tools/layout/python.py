"""Reads which Python file uses which: imports anywhere, also in functions and for types."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.layout.tree import Tree
from tools.source import is_test

Name = tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """One imported name: the module, the name in it (none for a whole module), the name here."""

    module: Name
    name: str | None
    here: str


@dataclass(frozen=True)
class Module:
    """A module file: its path, its imports, and the names that its code mentions."""

    name: Name
    file: str
    imports: list[Import]
    mentioned: set[str]

    @property
    def is_package(self) -> bool:
        """True for an `__init__.py`, which may only pass names on."""
        return self.file.endswith("__init__.py")


@dataclass
class Package:
    """Module files by their dotted path, as tuples."""

    modules: dict[Name, Module] = field(default_factory=dict)

    def defining(self, module: Name, name: str | None, seen: frozenset[Name] = frozenset()) -> Name:
        """Returns the module that defines a name, through the re-exports of packages."""
        if name is None or module in seen:
            return module
        if (*module, name) in self.modules:
            return (*module, name)
        found = next((one for one in self.modules[module].imports if one.here == name), None)
        if found is None or not self.modules[module].is_package:
            return module
        if found.module not in self.modules:
            return module
        return self.defining(found.module, found.name, seen | {module})

    def used(self, module: Module) -> set[str]:
        """Returns the files that a module uses; a name that a package passes on is no use."""
        targets = [
            self.defining(one.module, one.name)
            for one in module.imports
            if one.module in self.modules
            and not (module.is_package and one.here not in module.mentioned)
        ]
        return {self.modules[target].file for target in targets} - {module.file}


def read(root: Path) -> Tree:
    """Reads the package at `root`, without its tests; linked folders count."""
    package = Package()
    for path in _files(root):
        module = _module(root, path)
        package.modules.setdefault(module.name, module)
    edges = {module.file: package.used(module) for module in package.modules.values()}
    return Tree(set(edges), edges, {"__init__.py", "__main__.py"})


def _files(root: Path) -> Iterator[Path]:
    """Yields the modules, stubs after sources, so that a stub stands for compiled code alone."""
    below = [
        Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in sorted(names)
    ]
    sources = [path for path in below if not is_test(path.relative_to(root))]
    yield from (path for path in sources if path.suffix == ".py")
    yield from (path for path in sources if path.suffix == ".pyi")


def _module(root: Path, path: Path) -> Module:
    relative = path.relative_to(root)
    name = (root.name, *relative.with_suffix("").parts)
    is_package = name[-1] == "__init__"
    name = name[:-1] if is_package else name
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around = name if is_package else name[:-1]
    mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Module(name, relative.as_posix(), [*_imports(tree, around)], mentioned)


def _imports(tree: ast.Module, around: Name) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = tuple(alias.name.split("."))
                yield Import(module, None, alias.asname or module[0])
        elif isinstance(node, ast.ImportFrom):
            module = _source(node, around)
            for alias in node.names:
                yield Import(module, alias.name, alias.asname or alias.name)


def _source(node: ast.ImportFrom, around: Name) -> Name:
    """Returns the module that `from` names; dots count from the package around."""
    named = tuple(node.module.split(".")) if node.module else ()
    return around[: len(around) - node.level + 1] + named if node.level else named
