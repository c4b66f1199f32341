"""A pytest plugin for runs against other versions: `-p tools.outcome --outcome=NAME`.

It tests an installed wheel only. The report begins with the versions of the packages, and ends with
their deprecated features. The last line is `NAME: 512 passed, 0 failed, 3 skipped`. With `-n 2` of
pytest-xdist, a worker process sends what was logged in it, and the first process prints.
"""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ["numpy", "torch", "transformers", "triton", "accelerate", "peft", "matplotlib"]
DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcome", required=True, metavar="NAME", help="begins the last line")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Outcome(config.getoption("outcome")), "outcome")


class Outcome(logging.Handler):
    """Counts reports and collects deprecations, also those that transformers only logs."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self.title = name
        self.counts: Counter[str] = Counter()
        self.deprecated: Counter[str] = Counter()
        self.logged: Counter[str] = Counter()
        logging.getLogger("transformers").addHandler(self)

    def pytest_report_header(self) -> str:
        import multibin

        home = Path(multibin.__file__).parent
        if home.parent.name != "site-packages":
            raise pytest.UsageError(f"multibin must be installed from its wheel, got {home}")
        versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
        return f"the installed wheel of multibin with {', '.join(versions)}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.counts["failed"] += report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts a test once, and an error before or after it as failed."""
        if report.failed or report.skipped or report.when == "call":
            self.counts[report.outcome] += 1

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        if issubclass(warning_message.category, DEPRECATIONS):
            line = f"{warning_message.category.__name__}: {warning_message.message}"
            self.deprecated[" ".join(line.split())] += 1

    def emit(self, record: logging.LogRecord) -> None:
        if "deprecat" in record.getMessage().lower():
            self.logged[" ".join(f"{record.name}: {record.getMessage()}".split())] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Sends what a worker process logged; its reports and warnings are sent by xdist."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["logged"] = dict(self.logged)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Adds what a worker process logged, unless it died before it could send."""
        self.logged.update(getattr(node, "workeroutput", {}).get("logged", {}))

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        counts, deprecated = self.counts, self.deprecated + self.logged
        if hasattr(config, "workeroutput") or not counts.total():
            return
        print(f"\n{self.title}: {len(deprecated)} deprecations")
        for what, times in deprecated.most_common():
            print(f"  {times} x {what}")
        skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
        print(f"{self.title}: {counts['passed']} passed, {counts['failed']} failed{skipped}")
