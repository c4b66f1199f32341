"""The checker of the house, on small trees that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.layout import python, rust
from tools.layout.__main__ import report
from tools.layout.house import House, measure, violations
from tools.layout.sizes import python_functions, rust_functions, summary
from tools.layout.tree import Tree, circles

FLOORS = """
[rust]
root = "rust"
floors = [["low", "base"], ["high"]]
test_only = ["reference"]
[python]
root = "pkg"
floors = [["low"], ["high"]]
test_only = []
[limits]
file_lines = 20
function_median = 3
function_ninth_decile = 5
long_files = ["*.lock", "docs/*"]
"""


def write(root: Path, files: dict[str, str]) -> Path:
    """Writes the files below `root` and returns it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def rust_tree(root: Path, **files: str) -> Tree:
    """Reads a crate whose files are named `a__b` for a/b.rs."""
    named = {f"{name.replace('__', '/')}.rs": text for name, text in files.items()}
    return rust.read(write(root, {"lib.rs": "", **named}))


def python_tree(root: Path, files: dict[str, str]) -> Tree:
    """Reads a package `pkg` of these files."""
    return python.read(write(root / "pkg", {"__init__.py": "", **files}))


def house(root: Path, files: dict[str, str]) -> House:
    """Measures a repository of these files with the floors above."""
    write(root, {"rust/lib.rs": "", "pkg/__init__.py": "", **files, "floors.toml": FLOORS})
    paths = sorted(path.relative_to(root) for path in root.rglob("*.*") if path.is_file())
    return measure(root, paths, root / "floors.toml")


@pytest.mark.parametrize(
    "line",
    [
        "use crate::b::B;",
        "use crate::b::{self, C as D};",
        "use super::b::B;",
        "use {crate::b::{B, C}, std::mem};",
        "use crate::{\n    c::{C, E},\n    b::B,\n};",
        "fn f() -> crate::b::B { todo!() }",
        "fn f() { use super::b::*; }",
    ],
)
def test_rust_uses_are_read(tmp_path: Path, line: str) -> None:
    tree = rust_tree(tmp_path, a=line, b="pub struct B;", c="")
    assert "b.rs" in tree.edges["a.rs"]


@pytest.mark.parametrize(
    "line",
    [
        "use std::b::B;",
        "// use crate::b::B;",
        'const A: &str = "use crate::b::B;";',
        "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}",
        "#[cfg(all(test, not(loom)))]\nmod tests {\n    use crate::b::B;\n}",
    ],
)
def test_other_lines_are_no_rust_uses(tmp_path: Path, line: str) -> None:
    assert rust_tree(tmp_path, a=line, b="").edges["a.rs"] == set()


def test_a_re_export_leads_to_the_defining_file(tmp_path: Path) -> None:
    tree = rust_tree(
        tmp_path,
        lib="pub use x::B;",
        x="mod b;\nmod c;\npub use b::B;\npub use c::*;",
        x__b="pub struct B;",
        x__c="pub struct C;",
        a="use crate::B;\nuse crate::x::C;",
    )
    assert tree.edges["a.rs"] == {"x/b.rs", "x/c.rs"}


def test_a_parent_uses_a_child_only_if_its_code_does(tmp_path: Path) -> None:
    child = "use super::Own;\npub struct B;"
    passing = "mod b;\npub use b::B;\nstruct Own;"
    assert rust_tree(tmp_path / "1", x=passing, x__b=child).file_circles() == []
    for using in (f"{passing}\nfn f(b: B) {{}}", passing.replace("pub use b::B", "use b::B")):
        tree = rust_tree(tmp_path / "2", x=using, x__b=child)
        assert tree.file_circles() == [["x.rs", "x/b.rs"]]


def test_files_for_tests_alone_are_left_out(tmp_path: Path) -> None:
    tree = rust_tree(
        tmp_path,
        lib="#[cfg(test)]\nmod model;\nmod a;",
        model="mod deep;",
        model__deep="",
        a__tests="use crate::model;",
        a="",
    )
    assert tree.files == {"lib.rs", "a.rs"}


@pytest.mark.parametrize(
    "line",
    [
        "import pkg.b",
        "import pkg.b as c",
        "from pkg import b",
        "from pkg.b import B",
        "from . import b",
        "from .b import B as C",
        "def f():\n    from pkg.b import B",
        "if TYPE_CHECKING:\n    from pkg.b import B",
    ],
)
def test_python_imports_are_read(tmp_path: Path, line: str) -> None:
    assert python_tree(tmp_path, {"a.py": line, "b.py": "class B: ..."}).edges["a.py"] == {"b.py"}


def test_a_package_leads_to_the_defining_file(tmp_path: Path) -> None:
    tree = python_tree(
        tmp_path,
        {
            "__init__.py": "from pkg.x import B",
            "x/__init__.py": "from pkg.x.b import B\n__all__ = ['B']",
            "x/b.py": "class B: ...",
            "a.py": "from pkg import B",
        },
    )
    assert tree.edges["a.py"] == {"x/b.py"}
    assert tree.edges["x/__init__.py"] == set()


def test_stubs_stand_for_compiled_modules(tmp_path: Path) -> None:
    tree = python_tree(tmp_path, {"_core.pyi": "", "a.py": "import pkg._core"})
    assert tree.edges["a.py"] == {"_core.pyi"}


def test_circles_are_strongly_connected_components() -> None:
    edges = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert circles(edges) == [["a", "b", "c"], ["d", "e"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_a_module_file_and_its_folder_are_one(tmp_path: Path) -> None:
    tree = rust_tree(
        tmp_path,
        x="mod b;\nuse b::B;\nstruct Own;",
        x__b="use super::Own;\nuse crate::y::Y;\npub struct B;",
        y="use crate::x::Own;\npub struct Y;",
    )
    assert [tree.folder(file) for file in ("x.rs", "x/b.rs", "y.rs")] == ["x", "x", "y"]
    assert tree.folder_circles() == [["x", "y"]]
    assert tree.crossing() == [["x.rs", "x/b.rs", "y.rs"]]
    assert tree.links(tree.crossing()[0]) == [("x/b.rs", "y.rs"), ("y.rs", "x.rs")]


def test_a_circle_of_folders_needs_none_of_files(tmp_path: Path) -> None:
    tree = python_tree(
        tmp_path,
        {
            **{"x/__init__.py": "", "x/a.py": "from pkg.y import b", "x/d.py": ""},
            **{"y/__init__.py": "", "y/c.py": "from pkg.x import d", "y/b.py": ""},
        },
    )
    assert tree.file_circles() == []
    assert tree.folder_circles() == [["x", "y"]]


def test_a_module_file_below_belongs_to_its_own_folder() -> None:
    files = {"x.rs", "x/y.rs", "x/y/a.rs", "x/z.rs"}
    tree = Tree(files, {})
    assert [tree.folder(file) for file in sorted(files)] == ["x", "x/y", "x/y", "x"]
    assert {tree.unit(file) for file in files} == {"x"}


def test_a_folder_and_the_one_around_it_are_no_circle_of_folders() -> None:
    edges = {"x/a.rs": {"x/y/b.rs"}, "x/y/b.rs": {"x/a.rs"}}
    assert Tree(set(edges), edges).folder_circles() == []


def test_a_circle_within_a_folder_does_not_cross() -> None:
    tree = Tree({"x/a.rs", "x/b.rs"}, {"x/a.rs": {"x/b.rs"}, "x/b.rs": {"x/a.rs"}})
    assert tree.file_circles() == [["x/a.rs", "x/b.rs"]]
    assert tree.crossing() == []


def test_a_floor_uses_only_itself_and_those_below() -> None:
    edges = {"low.rs": {"high/a.rs"}, "base.rs": {"low.rs"}, "high/a.rs": {"base.rs"}}
    tree = Tree(set(edges), edges)
    floors = [["low", "base"], ["high"]]
    assert [*violations(tree, floors, [])] == ["low.rs uses high/a.rs, a floor above it"]
    assert [*violations(tree, [["high", "low", "base"]], [])] == []


def test_units_stand_on_a_floor_and_test_only_ones_are_not_used() -> None:
    edges = {"a.rs": {"reference/x.rs"}, "reference/x.rs": {"a.rs"}, "new.rs": set[str]()}
    found = [*violations(Tree(set(edges), edges), [["a"]], ["reference"])]
    assert found[0].startswith("new stands on no floor")
    assert found[1:] == ["a.rs uses reference/x.rs, which is for tests alone"]


def test_functions_are_measured_without_docs_and_tests() -> None:
    source = """\
/// Doc.
#[inline]
pub fn one<T>(a: [u8; 3]) -> [T; 3]
where
    T: Copy,
{
    let b = "}";
}
trait A { fn declared(&self); }
#[cfg(test)]
mod tests {
    fn hidden() {}
}
"""
    assert [(one.what, one.lines) for one in rust_functions(source)] == [("one", 6)]
    source = '@cache\ndef f():\n    """Does.\n\n    It.\n    """\n    return 1\n'
    assert [(one.what, one.lines) for one in python_functions(source)] == [("f", 2)]


def test_quantiles_are_nearest_ranks() -> None:
    text = "".join(f"fn f{n}() {{{chr(10) * (n - 1)}}}\n" for n in range(1, 11))
    found = summary([*rust_functions(text)])
    assert found is not None
    assert (found.median, found.ninth_decile, found.longest.lines) == (5, 9, 10)
    assert summary([]) is None


def test_a_house_in_order_has_no_faults(tmp_path: Path) -> None:
    files = {
        "rust/low.rs": "pub fn f() {}\n",
        "rust/high.rs": "use crate::low::f;\n",
        "pkg/low.py": "x = 1\n",
        "pkg/high.py": "from pkg.low import x\n",
        "docs/a.md": "\n" * 50,
        "tests/full.rs": "\n" * 20,
        "any.lock": "\n" * 50,
    }
    assert [*house(tmp_path, files).faults()] == []


def test_each_fault_is_named(tmp_path: Path) -> None:
    files = {
        "rust/low.rs": "use crate::high::B;\npub struct A;\n",
        "rust/high.rs": "use crate::low::A;\npub struct B;\n",
        "pkg/low.py": f"def f():\n{'    x = 1' + chr(10)}" + "    y = 2\n" * 5,
        "tests/long.rs": "\n" * 21,
    }
    assert [*house(tmp_path, files).faults()] == [
        "rust: circle of files: high.rs ⇄ low.rs",
        "    high.rs uses low.rs",
        "    low.rs uses high.rs",
        "rust: low.rs uses high.rs, a floor above it",
        "python: median of functions: 7 lines, at most 3",
        "python: 90th percentile of functions: 7 lines, at most 5",
        "tests/long.rs: 21 lines, at most 20",
    ]


def test_the_report_is_a_table(tmp_path: Path) -> None:
    files = {"rust/low.rs": "use crate::base::B;", "rust/base.rs": "use crate::low::A;"}
    lines = [*report(house(tmp_path, files))]
    assert lines[:3] == ["| | rust | python |", "|---|---:|---:|", "| files | 3 | 1 |"]
    assert "| circles of files | 1 (2 members) | 0 |" in lines
    assert "- base.rs ⇄ low.rs" in lines
