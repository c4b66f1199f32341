"""The checker of prose: each rule passes what obeys it and finds what breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePath

import pytest

from tools.prose import rules
from tools.prose.sentences import sentences
from tools.prose.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
SHIPPED = Vocabulary.load()
WORDS = """
skip = []
[words]
"old|older" = "new"
"in the past" = "before"
[openings]
never = ["Whether", "As", "Like"]
no_verbs = ["This", "Rows"]
[retired]
Gadget = { instead = "Tool", allowed = ["CHANGELOG.md", "kept/*"] }
ToolBox = { instead = "Case" }
[[allow]]
path = "quoted/*"
rule = "word"
reason = "quotes"
"""
LONG = " ".join(["at"] * 26) + "."
SHORT = " ".join(["at"] * 25) + "."


@pytest.fixture
def made_up(tmp_path: Path) -> Vocabulary:
    path = tmp_path / "words.toml"
    path.write_text(WORDS)
    return Vocabulary.load(path)


def found(name: str, text: str, vocabulary: Vocabulary = SHIPPED) -> list[tuple[int, str]]:
    """Returns line and rule of every finding."""
    findings = rules.check(PurePath(name), text, vocabulary)
    return [(finding.line, finding.rule) for finding in findings]


def counted(text: str) -> list[int]:
    """Returns the numbers of words of the sentences."""
    return [sentence.words for sentence in sentences(text)]


@pytest.mark.parametrize(
    "prose",
    [
        "A worker that is cancelled.",
        "The queue, whose head is due.",
        "It forbears; the bearing holds.",
        "`who` is a name, and so is ``anyone`` and :func:`nobody`.",
        "See [the page](https://example.org/who/nobody).",
        "It waits forever.",
        "It is due and will be.",
    ],
)
def test_plain_words_pass(prose: str) -> None:
    assert found("a.md", prose) == []


@pytest.mark.parametrize(
    "prose",
    [
        *["Who asks.", "for whom", "Whoever asks", "somebody", "someone", "anybody", "anyone"],
        *["nobody", "everybody", "everyone", "starts anew", "for ever", "but for one", "it bears"],
        *["to bear", "tells of", "takes it that", "takes it from there that", "means nothing"],
        *["is to be", "are to be", "in the place of", "as above", "the same as above"],
        *["likewise", "ditto", "whence", "thereof", "therein", "wherein", "so far as", "not so"],
        *["the work is\nto be done", "[nobody](https://example.org)", "**nobody**"],
    ],
)
def test_listed_words_are_found(prose: str) -> None:
    assert found("a.md", f"# Title\n\n{prose}") == [(3, "word")]


def test_a_finding_names_its_line_and_what_to_write(made_up: Vocabulary) -> None:
    text = "One line.\nIn the\npast there was an old one.\n"
    first, second = rules.check(PurePath("a.md"), text, made_up)
    assert str(first) == ("a.md:2: word: One line. In the past there was an old on (write: before)")
    assert (second.line, "(write: new)" in second.excerpt) == (3, True)


def test_an_exemption_covers_its_rule_and_path_alone(made_up: Vocabulary) -> None:
    assert found("quoted/a.md", f"old {LONG}", made_up) == [(1, "long")]
    assert found("other/a.md", "old", made_up) == [(1, "word")]


def test_an_exemption_needs_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    path.write_text(WORDS.replace('reason = "quotes"', ""))
    with pytest.raises(KeyError, match="reason"):
        Vocabulary.load(path)


@pytest.mark.parametrize("line", ["Gadget", "gadgets", "my_gadget()", "MyGadget2", "GADGET_MAX"])
@pytest.mark.parametrize("name", ["a.rs", "Makefile", "a.md"])
def test_retired_names_are_found_in_prose_and_code(
    line: str, name: str, made_up: Vocabulary
) -> None:
    assert found(name, f"\nx {line}\n", made_up) == [(2, "retired")]


@pytest.mark.parametrize("line", ["gadgetry", "agadget", "Toolbox", "tool", "box"])
def test_names_that_merely_contain_a_retired_one_pass(line: str, made_up: Vocabulary) -> None:
    assert found("a.rs", line, made_up) == []


def test_retired_names_of_two_words_are_found_in_both_spellings(made_up: Vocabulary) -> None:
    assert found("a.rs", "ToolBox\ntool_box\n", made_up) == [(1, "retired"), (2, "retired")]


def test_retired_names_may_stay_where_the_list_says(made_up: Vocabulary) -> None:
    assert found("CHANGELOG.md", "Gadget", made_up) == []
    assert found("kept/deep/a.rs", "// Gadget", made_up) == []
    assert found("src/gadget.rs", "", made_up) == [(1, "retired")]


def test_sentences_have_at_most_25_words() -> None:
    assert found("a.md", SHORT) == []
    assert found("a.md", f"{SHORT}\n{SHORT}\n\n{LONG}") == [(4, "long")]


def test_a_long_sentence_is_reported_where_it_begins() -> None:
    assert found("a.md", f"{SHORT}\n{LONG}") == [(2, "long")]
    assert found("a.rs", f"\n// {SHORT}\n// {SHORT[:-1]}\n// {SHORT}") == [(3, "long")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("One two. Three four!  Five?", [2, 2, 1]),
        ("See arXiv 2412.04504 for v1.2.3, e.g. the proof of Smith et al. there.", [13]),
        ("Fast vs. slow, i.e. 1.5 s.", [6]),
        ("Waits ... and goes on.", [4]),
        ("It holds `a. b c` and ``d. e`` and :class:`f. g`.", [7]),
        ("See [the long page](https://a.org/b.html) or https://c.org/d. Then stop.", [4, 2]),
        ("One (two. Three.) Four.", [2, 1, 1]),
        ("A says: b; c.", [4]),
        ("2 — 3 = 4 · x.", [4]),
        ("`a`. `b` is.", [1, 2]),
        ("Units: s, etc. Then more, etc. and so on.", [3, 6]),
    ],
)
def test_sentences_and_words_are_counted(text: str, words: list[int]) -> None:
    assert counted(text) == words


def test_what_ends_a_sentence_without_a_sign() -> None:
    half = " ".join(["word"] * 15)
    for between in ("\n\n", "\n- ", "\n1. ", "\n\n## "):
        assert found("a.md", f"{half}{between}{half}") == []
    assert found("a.md", f"{half}\n{half}") == [(1, "long")]
    assert found("a.rs", f"//! {half}\n//!\n//! # Errors\n//! {half}") == []


def test_items_of_a_section_count_from_their_text_on() -> None:
    def doc(text: str) -> str:
        items = f"    Args:\n        name: {SHORT}\n        more (int): {text}\n"
        return f'def f():\n    """Does it.\n\n{items}    """\n'

    assert found("a.py", doc(SHORT)) == []
    assert found("a.py", doc(LONG)) == [(6, "long")]


def test_code_is_no_prose_and_tables_are_read_for_their_words() -> None:
    fenced = f"```\nnobody {LONG}\n```\n"
    assert found("a.md", f"{fenced}\n| a row | {LONG} |\n|---|---|\n") == []
    assert found("a.md", f"{fenced}\n| nobody | {LONG} |\n|---|---|\n") == [(5, "word")]
    assert found("a.md", f"{fenced}nobody") == [(4, "word")]
    rust = "".join(f"/// {line}\n" for line in ["Does it.", "", *fenced.splitlines()])
    assert found("a.rs", f"{rust}fn f() {{}}") == []


def test_doctests_and_literal_blocks_are_no_prose() -> None:
    doc = [
        *["Does it, as shown::", "", "    nobody knows", "", "Then more.", ""],
        *[">>> nobody()", "nobody", "", "Here nobody."],
    ]
    body = "\n    ".join(doc)
    assert found("a.py", f'def f():\n    """{body}\n    """\n') == [(11, "word")]


def test_rust_is_read_in_comments_and_error_messages_alone() -> None:
    source = """\
fn nobody() -> &'static str { "// nobody" } // trailing nobody
const A: char = '"'; /* somebody
 * anybody */
#[error("nobody may be {0}")]
const B: &str = r#"nobody"#;
"""
    assert found("a.rs", source) == [(1, "word"), (2, "word"), (3, "word"), (4, "word")]


def test_python_is_read_in_comments_docstrings_messages_and_help() -> None:
    source = """\
nobody = "nobody"  # nobody
add("--x", help="for nobody")
raise ValueError(f"{nobody} is for nobody" " anew")
raise KeyError(nobody)
class A:
    '''Nobody.'''
"""
    assert {line for line, _ in found("a.py", source)} == {1, 2, 3, 6}


def test_hash_comments_and_echoed_lines_are_read() -> None:
    make = '# nobody\nhelp:\n\t@echo "make x  for nobody"\n\t@# nobody\n\tnobody "#" nobody\n'
    assert found("Makefile", make) == [(1, "word"), (3, "word"), (4, "word")]
    assert found("a.toml", 'nobody = "# nobody"  # nobody\n') == [(1, "word")]
    assert found(".ci/run", "#!/bin/nobody\necho 'for nobody'\n# the core's nobody\n") == [
        (2, "word"),
        (3, "word"),
    ]


@pytest.mark.parametrize("opening", ["Returns it.", "Wakes it.", "Is true.", "Re-arms it."])
def test_verbs_open_a_functions_doc(opening: str) -> None:
    assert found("a.rs", f"/// {opening}\n#[inline]\npub(crate) fn f() {{}}") == []
    assert found("a.py", f'def f():\n    """{opening}"""\n') == []


@pytest.mark.parametrize(
    "opening", ["The rows.", "Rows.", "This.", "returns it.", "`x` is.", "Return.", "Pass."]
)
def test_other_words_do_not_open_a_functions_doc(opening: str) -> None:
    rust = f"/// {opening}\n#[pyo3(signature = (\n    a,\n))]\n// why\npub async fn f() {{}}"
    assert found("a.rs", rust) == [(1, "opening")]
    assert found("a.py", f'@cache\ndef f():\n    """{opening}"""\n') == [(3, "opening")]


def test_things_properties_dunders_and_tests_may_open_with_a_noun() -> None:
    assert found("a.rs", "//! Rows.\n\n/// Rows.\nstruct A {\n    /// Rows.\n    a: u8,\n}") == []
    assert found("a.rs", "/// Rows.\n#[getter]\nfn rows() {}\n/// A.\nfn __len__() {}") == []
    assert found("a.py", 'class A:\n    @property\n    def a(self):\n        """Rows."""\n') == []
    assert found("a.py", 'def __len__():\n    """Rows."""\n') == []
    assert found("tests/a.py", 'def f():\n    """Rows."""\n') == []
    assert found("benches/test_a.py", 'def f():\n    """Rows."""\n') == []
    for name in ("tests/a.rs", "benches/a.rs", "src/tests.rs", "src/loom_tests.rs"):
        assert found(name, "/// Rows.\nfn f() {}") == []
    inline = "#[cfg(all(test, not(loom)))]\nmod tests {\n    /// Rows.\n    fn f() {}\n}\n"
    assert found("a.rs", f"{inline}/// Rows.\nfn f() {{}}") == [(6, "opening")]


@pytest.mark.parametrize("opening", ["Whether", "As the", "The same", "Like", "Ditto", "Same"])
def test_no_doc_leans_on_its_neighbour(opening: str) -> None:
    assert (1, "opening") in found("a.rs", f"/// {opening} it.\nstruct A;")
    assert (1, "opening") in found("a.py", f'"""{opening} it."""\n')
    assert found("a.rs", f"// {opening} it.") in ([], [(1, "word")])


def test_a_longer_word_may_open_a_doc() -> None:
    assert found("a.rs", "/// Likelihood.\nstruct A;\n/// Asserts it.\nfn f() {}") == []


@pytest.mark.parametrize(("name", "most", "mark"), [("a.rs", 100, "// "), ("a.md", 120, "")])
def test_lines_have_a_width(name: str, most: int, mark: str) -> None:
    line = mark + "x" * (most - len(mark))
    assert found(name, f"{line}\n") == []
    assert found(name, f"{line}x\n") == [(1, "long line")]
    assert found(name, f"{line} https://example.org/a/long/address\n") == [(1, "long line")]
    assert found(name, f"{mark}see https://example.org/{'x' * most}\n") == []


def test_code_and_tables_may_be_wide() -> None:
    wide = "x" * 130
    assert found("a.md", f"| {wide} |\n\n```\n{wide}\n```\n") == []
    assert found("a.py", f'a = "{wide}"\n') == []


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.prose", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_findings_and_counts(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text("For nobody.\n")
    (tmp_path / "good.md").write_text("For all.\n")
    (tmp_path / "Cargo.lock").write_text("# nobody\n")
    assert run("good.md", cwd=tmp_path).returncode == 0
    bad = run(".", cwd=tmp_path)
    assert (bad.returncode, bad.stdout.splitlines()) == (
        1,
        ["bad.md:1: word: For nobody. (write: no worker, no request)"],
    )
    counts = run(".", "--count", cwd=tmp_path)
    assert counts.returncode == 0
    assert "| word | 1 |" in counts.stdout
    assert "| bad.md | 1 |" in counts.stdout


def test_the_command_reads_what_git_tracks(tmp_path: Path) -> None:
    for name in ("tracked.md", "other.md", "LICENSE"):
        (tmp_path / name).write_text("For nobody.\n")
    for arguments in (["init", "--quiet"], ["add", "tracked.md", "LICENSE"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    lines = run(cwd=tmp_path).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["tracked.md"]
