"""Records how every check ends on every library, and writes the table of the page ``conformance``.

``PEERS=folder python -m tests.batcher.conformance.record [SUBJECT…]`` runs the libraries, each with
the Python of its own virtual environment in the folder. Others keep their column. ``--table`` only
writes the table again.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .checks import load
from .run import ROOT, Outcome, in_child, interpreter
from .subjects import PEERS

RESULTS = ROOT / "benches" / "results" / "conformance.json"
PAGE = ROOT / "docs" / "reference" / "conformance.md"
# The page's marks of what is generated.
ASKS = "<!-- checks -->\n", "<!-- end of the checks -->\n"
TABLE = "<!-- table -->\n", "<!-- end of the table -->\n"
SIGNS = {"passes": "✓", "fails": "✗", "hangs": "hangs", "not offered": "–"}
TITLES = {
    "batched_aio": "batched.aio",
    "async_batcher": "async-batcher",
    "infinity": "infinity",
    "bentoml": "BentoML",
    "ray": "Ray Serve",
    "razors_edge": "Razor's Edge",
    "litserve": "LitServe",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.batcher.conformance.record")
    parser.add_argument("subjects", nargs="*")
    parser.add_argument("--patience", type=float, default=5.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="only write the table again")
    options = parser.parse_args()
    record = read()
    if not options.table:
        for subject in options.subjects or ["multibin", *PEERS]:
            record["subjects"][subject] = column(subject, options.patience, options.jobs)
            RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(with_table(PAGE.read_text(), record))


def read() -> dict[str, Any]:
    """Returns the record: for each subject the version, the date and the outcome of each check."""
    if not RESULTS.exists():
        return {"subjects": {}}
    record: dict[str, Any] = json.loads(RESULTS.read_text())
    return record


def column(subject: str, patience: float, jobs: int) -> dict[str, Any]:
    """Runs all checks on one subject."""
    with ThreadPoolExecutor(jobs) as pool:
        run = pool.map(lambda check: in_child(subject, check, patience), load())
        outcomes = dict(zip(load(), run, strict=True))
    for check, outcome in outcomes.items():
        print(f"{subject:16}{check:26}{outcome.outcome:13}{last_line(outcome)}", flush=True)
    return {
        "version": version(subject),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
        "outcomes": {check: outcome.outcome for check, outcome in outcomes.items()},
        "why": {check: last_line(outcome) for check, outcome in outcomes.items() if outcome.why},
    }


def last_line(outcome: Outcome) -> str:
    """Returns the last line of a reason, without the folders of this machine."""
    lines = outcome.why.strip().splitlines() or [""]
    return " ".join(word for word in lines[-1].split() if "/" not in word)[:120]


def version(subject: str) -> str:
    """Asks the Python that has the library."""
    code = (
        f"from tests.batcher.conformance.subjects import find; print(find({subject!r}).version())"
    )
    command = [*interpreter(subject), "-c", code]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()[-1]


def with_table(page: str, record: dict[str, Any]) -> str:
    """Returns the page with the list of the checks and the table of the record."""
    asks = [["check", "the batcher …"], ["---", "---"]]
    asks += [
        [f"`{one.name}`", one.asks[0].lower() + one.asks[1:-1].replace("``", "`")]
        for one in load().values()
    ]
    return between(between(page, ASKS, markdown(asks)), TABLE, table(record["subjects"]))


def between(page: str, marks: tuple[str, str], text: str) -> str:
    """Returns the page with ``text`` between two marks."""
    before, _, rest = page.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    return before + marks[0] + text + marks[1] + after


def table(subjects: dict[str, Any]) -> str:
    """Returns a row for each check with a column for each subject, then versions and dates."""
    names = [name for name in ["multibin", *PEERS] if name in subjects]
    rows = [["check", *(TITLES.get(name, name) for name in names)], ["---"] + [":-:"] * len(names)]
    for check in load():
        found = load()[check].found_in
        signs = [sign(subjects[name]["outcomes"].get(check, ""), name in found) for name in names]
        rows.append([f"`{check}`", *signs])
    failed = [sum(sign in ("fails", "hangs") for sign in ends(subjects[name])) for name in names]
    rows.append(["holes", *map(str, failed)])
    return markdown(rows) + "\n" + versions(subjects, names)


def ends(column: dict[str, Any]) -> list[str]:
    """Returns the outcomes of the checks that there are."""
    return [column["outcomes"].get(check, "") for check in load()]


def versions(subjects: dict[str, Any], names: list[str]) -> str:
    rows = [["library", "version", "Python", "date"], ["---"] * 4]
    for name in names:
        column = subjects[name]
        title = TITLES.get(name, name)
        rows.append([title, column["version"], column["python"], column["date"]])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def sign(outcome: str, found: bool) -> str:
    """Returns the sign of an outcome, in bold where the hole was found first."""
    text = SIGNS.get(outcome, "")
    return f"**{text}**" if found and text else text


if __name__ == "__main__":
    main()
