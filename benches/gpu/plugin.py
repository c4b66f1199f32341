"""A pytest plugin for bare machines: `-p benches.gpu.plugin --journal=FILE --journal-step=NAME`.

Each test's outcome goes to the journal at once. A test that lacks a package is skipped; of the
tests with Hypothesis only the properties are.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from benches.gpu import no_hypothesis
from benches.gpu.journal import Journal

OURS = ("multibin", "tests", "benches", "examples", "tools")

# The conftest of the tests imports it.
if importlib.util.find_spec("hypothesis") is None:
    no_hypothesis.install(sys.modules)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--journal", type=Path, required=True, help="file of outcomes")
    parser.addoption("--journal-step", required=True, help="the step that they belong to")


def pytest_configure(config: pytest.Config) -> None:
    # With pytest-xdist the workers report to one process, which writes.
    if not hasattr(config, "workerinput"):
        journal = Journal(config.getoption("journal"))
        outcomes = Outcomes(journal, config.getoption("journal_step"))
        config.pluginmanager.register(outcomes, "journal-outcomes")


class Outcomes:
    """Adds each test's outcome to the journal."""

    def __init__(self, journal: Journal, step: str) -> None:
        self.journal = journal
        self.step = step

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self.add(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds a test once, and an error before or after it as failed."""
        if report.when == "call" or not report.passed:
            self.add(report)

    def add(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        why = "" if report.passed else reason(report)
        self.journal.add(
            "test", step=self.step, test=report.nodeid, outcome=report.outcome, why=why
        )


def reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    """Returns the line that says why a test did not pass."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)


def missing(text: str) -> str | None:
    """Returns the package of others whose import failed, if one did.

    >>> missing("ModuleNotFoundError: No module named 'peft.tuners'")
    'peft'
    >>> missing("ModuleNotFoundError: No module named 'multibin.llm'")
    """
    found = re.search(r"ModuleNotFoundError: No module named '(\w+)", text)
    return None if found is None or found[1] in OURS else found[1]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, Any, Any]:
    """Skips a file that imports a package which is missing."""
    report = yield
    if report.failed and (package := missing(str(report.longrepr))):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"{package} is missing")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Skips a test that imports a package which is missing."""
    report = yield
    if report.failed and call.excinfo is not None:
        package = missing(call.excinfo.exconly(tryshort=False))
        if package:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"{package} is missing")
    return report
