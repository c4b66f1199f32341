"""The runner of pages fails for a wrong block, and does what the marks say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.docs import __main__ as listing
from tests.docs import run as runner
from tests.docs.pages import Page, PageError
from tests.docs.run import BlockError, Missing

Run = Callable[[str], Counter[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the text of a page, in which ''' stands for a fence."""

    def call(text: str) -> Counter[str]:
        return runner.run(read(tmp_path, text), folder(tmp_path))

    return call


def read(place: Path, text: str) -> Page:
    (place / "page.md").write_text(text.replace("'''", "```"))
    return Page.read(place / "page.md")


def folder(place: Path) -> Path:
    (place / "folder").mkdir(exist_ok=True)
    return place / "folder"


def test_blocks_share_names_the_folder_and_the_loop(run: Run) -> None:
    counts = run("""
Text.

'''python
import asyncio, pathlib
loop = await asyncio.sleep(0, asyncio.get_running_loop())
pathlib.Path("here.txt").write_text("there\\n")
'''

- an item:

  '''python
  assert await asyncio.sleep(0, asyncio.get_running_loop()) is loop
  '''

'''console
$ cat here.txt
there
'''
""")
    assert counts == {"run": 3}


@pytest.mark.parametrize(
    ("block", "raised", "fault"),
    [
        ("'''python\n1 / 0\n'''", ZeroDivisionError, "division"),
        ("'''python\nprint(\n'''", SyntaxError, "never closed"),
        ("'''python\nimport warnings\nwarnings.warn('old')\n'''", UserWarning, "old"),
        ("'''console\n$ false\n'''", BlockError, "status 1"),
        ("'''console\n$ false; true\n'''", BlockError, "status 1"),
        ("'''console\n$ echo a\nb\n'''", BlockError, "shows\nb\nbut the block printed\na"),
        ("'''console\necho a\n'''", ValueError, "must begin with"),
        ("'''sh\nfalse\ntrue\n'''", BlockError, "status 1"),
        ("'''json\n{'a': 1}\n'''", ValueError, "property name"),
        ("'''toml\na = \n'''", ValueError, "Invalid value"),
        ("<!-- not run: it is long -->\n'''python\n1 +\n'''", SyntaxError, "invalid"),
        ("<!-- not run: it is long -->\n'''sh\nmake tea\n'''", BlockError, "no target tea"),
        (
            "<!-- not run: it is long -->\n'''sh\npython -m tests.none\n'''",
            BlockError,
            "no module tests.none",
        ),
        ("<!-- setup\nassert 0, 'assert 0'\n-->", AssertionError, "assert 0"),
    ],
)
def test_a_wrong_block_fails(run: Run, block: str, raised: type[Exception], fault: str) -> None:
    with pytest.raises(raised, match=fault) as caught:
        run(f"# Title\n\n{block}\n")
    assert "page.md:4" in caught.value.__notes__[0] or "not run" in block


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("'''\n1\n'''", "page.md:1: the language must be one of .*, got ''"),
        ("\n'''pyhton\n1\n'''", "page.md:2: the language must be one of .*, got 'pyhton'"),
        ("'''python\n1\n", "page.md:1: the block does not end"),
        ("Text\n\n    code\n", "page.md:3: an indented block: fence it"),
        ("<!-- fresh -->\nText\n", "page.md:1: the mark must stand directly before a block"),
        ("<!-- fresh -->\n", "page.md:1: the mark must stand directly before a block"),
        ("<!-- not run -->\n'''python\n1\n'''", "page.md:1: an unknown mark: not run"),
        ("<!-- not run: -->\nText", "page.md:1: an unknown mark: not run:"),
        ("<!-- frsh -->\n'''python\n1\n'''", "page.md:1: an unknown mark: frsh"),
    ],
)
def test_a_page_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(PageError, match=fault):
        read(tmp_path, text)


def test_what_is_no_block_and_no_mark(tmp_path: Path) -> None:
    text = (
        "<!-- A remark. -->\n\n- item\n\n    more of it\n\n!!! note\n\n    text\n\n<!-- end -->\n"
    )
    assert read(tmp_path, text).blocks == []


def test_the_traceback_names_page_and_line(run: Run) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run("'''python\na = 1\n\na / 0\n'''\n")
    last = caught.traceback[-1]
    assert (Path(str(last.path)).name, last.lineno + 1) == ("page.md", 4)


def test_hidden_code_runs_before_and_behind_the_block(run: Run) -> None:
    check = "<!-- check\nassert a == [1, 2]\n-->"
    run(f"<!-- setup\n\na = [1]\n-->\n'''python\na.append(2)\n'''\n{check}\n")


def test_fresh_forgets(run: Run) -> None:
    with pytest.raises(NameError):
        run("'''python\na = 1\n'''\n<!-- fresh -->\n'''python\na\n'''\n")


def test_output_is_compared(run: Run) -> None:
    page = "'''python\nprint('a 1.234 s')\nprint('b')\n'''\n<!-- output -->\n'''text\n{}\n'''\n"
    run(page.format("a 1.234 s\nb"))
    run(page.format("a … s\nb"))
    run(page.format("a …"))
    run(page.format("…b"))
    for other in ("a 1.234 s", "a 1.234 s\nb\nc", "b", "a …c", ""):
        with pytest.raises(BlockError, match="the page shows"):
            run(page.format(other))


def test_commands_go_on_in_the_next_line(run: Run) -> None:
    run("'''console\n$ echo a \\\n    b  # both\na b\n$ echo c \\\n> d\nc d\n$ true\n'''\n")


def test_commands_see_the_package(run: Run) -> None:
    help = "$ multibin --help\nusage: multibin …\n$ python -m benches.gate --help\n…--figure…\n"
    run(f"'''console\n{help}'''\n")


def test_a_file_is_written_and_can_be_used(run: Run) -> None:
    page = "<!-- file: mine.py -->\n'''python\nX = 'x'\n'''\n'''python\nimport mine\n'''\n"
    run(f"{page}'''console\n$ python -c 'import mine; print(mine.X)'\nx\n'''\n")
    with pytest.raises(ImportError):
        __import__("mine")


def test_a_clone_has_the_files(run: Run) -> None:
    run("<!-- clone -->\n'''console\n$ cat Makefile docs/architecture.md > mine\n'''\n")


def test_not_run_is_not_run(run: Run) -> None:
    counts = run("<!-- not run: installs a package -->\n'''console\n$ exit 1\n'''\n")
    assert counts == {"not run: installs a package": 1}


def test_batchers_are_closed(run: Run) -> None:
    before = threading.active_count()
    run("""
'''python
import multibin as mb

@mb.batch
def double(numbers):
    return [2 * n for n in numbers]

assert double.submit(5).result(9) == 10
'''

'''python
assert await double(4) == 8
'''
""")
    assert threading.active_count() == before


def test_nothing_may_be_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.leftovers.SECONDS", 0.1)
    ends = "import threading\nend = threading.Event()\n"
    page = f"'''python\n{ends}threading.Thread(target=end.wait, args=(1,)).start()\n'''\n"
    with pytest.raises(RuntimeError, match="the page leaves"):
        run(page)
    with pytest.raises(RuntimeError, match="sleep"):
        run("'''python\nimport os\nos.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1')\n'''\n")


def test_a_failed_task_fails_the_page(run: Run) -> None:
    with pytest.raises(BlockError, match="never retrieved"):
        run("""
'''python
import asyncio

async def fail():
    raise ValueError("lost")

asyncio.ensure_future(fail())
await asyncio.sleep(0.01)
'''
""")


def test_a_missing_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Missing, match="torch"):
        run("'''python\nraise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n'''")
    with pytest.raises(ModuleNotFoundError):
        run("'''python\nimport torhc\n'''")


def test_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "'''text\na\n'''\n<!-- not run: installs a package -->\n'''sh\na\n'''\n'''rust\na\n'''\n"
    read(tmp_path, text)
    assert listing.main([str(tmp_path / "page.md")]) == 0
    lines = [line.partition("page.md:")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        "2: text: shown",
        "6: sh: not run: installs a package",
        "9: rust: run by cargo test",
    ]
    (tmp_path / "page.md").write_text("```\n```\n")
    assert listing.main([str(tmp_path / "page.md")]) == 1
