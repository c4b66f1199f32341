"""The servers that embed a scheduler: many callers, batches that fail, and an end by a signal."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import multibin as mb
from examples._small import web

ROOT = Path(__file__).parents[2]
LONG = "long " * 50
"""A text whose batch takes a quarter of a second."""
STATS = "'submitted', 'done', 'lost', 'cancelled', 'waiting', 'leased'"
PROGRAM = """
import asyncio, inspect, sys
from examples import {name} as server
ended = server.main()
if inspect.iscoroutine(ended):
    asyncio.run(ended)
print({{name: server.scheduler.stats()[name] for name in [{stats}]}}, server.questions)
"""


def post(port: int, text: str) -> Callable[[], str]:
    """Sends a text by HTTP; returns a function that waits for the status and the answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("POST", "/", text)

    def answer() -> str:
        with closing(client), client.getresponse() as reply:
            return f"{reply.status} {reply.read().decode().strip()}".removeprefix("200 ")

    return answer


@dataclass
class Served:
    """A server that runs as a process, and how it is asked."""

    name: str
    process: subprocess.Popen[str]
    port: int

    def connect(self, text: str) -> Callable[[], str]:
        """Sends a text; returns a function that waits for the answer."""
        if self.name == "thread_server":
            return post(self.port, text)
        caller = self.call(text)

        def answer() -> str:
            with caller, caller.makefile() as lines:
                return lines.readline().strip()

        return answer

    def call(self, text: str) -> socket.socket:
        """Sends a line."""
        caller = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        caller.sendall(f"{text}\n".encode())
        return caller

    def ask(self, text: str) -> str:
        """Returns the answer to a text."""
        return self.connect(text)()

    def end(self, number: signal.Signals) -> str:
        """Sends a signal, and returns what the server said in the end."""
        self.process.send_signal(number)
        said, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        assert "Traceback" not in errors
        assert "Warning" not in errors
        return said


@pytest.fixture(params=["thread_server", "asyncio_server"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server as a process that listens on a free port."""
    name = request.param
    program = PROGRAM.format(name=name, stats=STATS)
    command = [sys.executable, "-X", "dev", "-c", program, "0"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "python")])
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = re.fullmatch(r"listening on port (\d+)\n", line)
            assert found, line
            yield Served(name, process, int(found[1]))
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_a_signal_when_all_are_answered(served: Served, number: signal.Signals) -> None:
    texts = [f"{LONG}{i}" for i in range(24)]
    # All are connected, and two thirds of them wait for a second batch.
    waiting = [served.connect(text) for text in texts]
    assert waiting[0]() == texts[0].upper()
    said = served.end(number)
    assert [answer() for answer in waiting[1:]] == [text.upper() for text in texts[1:]]
    assert said.strip() == (
        "{'submitted': 24, 'done': 24, 'lost': 0, 'cancelled': 0, 'waiting': 0, 'leased': 0} {}"
    )


def test_a_batch_that_fails_answers_its_callers_and_no_others(served: Served) -> None:
    assert "a text must not be empty" in served.ask("")
    with ThreadPoolExecutor(32) as pool:
        texts = [f"text {i}" * (1 + i % 7) for i in range(64)]
        assert [*pool.map(served.ask, texts)] == [text.upper() for text in texts]
    assert "'done': 64, 'lost': 1" in served.end(signal.SIGTERM)


@pytest.mark.parametrize("served", ["asyncio_server"], indirect=True)
def test_a_caller_that_hangs_up_takes_its_request_back(served: Served) -> None:
    running = served.connect(LONG * 4)
    for _ in range(20):
        served.call("gone").close()
    assert running() == (LONG * 4).strip().upper()
    said = served.end(signal.SIGTERM)
    # Those that reached the server in the second in which the first batch ran.
    assert "'cancelled': 0" not in said
    assert "'waiting': 0, 'leased': 0} {}" in said


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (mb.FullError("it is full"), 503),
        (mb.ClosedError("it is closed"), 503),
        (web.LateError("it is late"), 504),
        (TimeoutError("the model's own"), 500),
        (OSError("no"), 500),
    ],
)
def test_what_goes_wrong_has_a_status(error: Exception, status: int) -> None:
    def ask(_: str) -> str:
        raise error

    with web.Server(("127.0.0.1", 0), web.Handler) as server:
        server.ask = ask
        loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        loop.start()
        assert post(server.server_port, "text")() == f"{status} {error}"
        server.shutdown()
        loop.join()
