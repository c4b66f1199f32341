"""A batcher behind HTTP: the server is another process, and a caller is a connection."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, cast

from ..model import Model
from ..subject import Function, Options, eager

# Seconds that a server may take to start.
START = 50


def served_model() -> Model:
    """Returns the function, in the server's process."""
    return Model(Path(os.environ["MODEL_FOLDER"]), float(os.environ["MODEL_SECONDS"]))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast(int, probe.getsockname()[1])


async def start(module: str, function: Function, arguments: list[str], path: str) -> Running:
    """Starts the server ``module`` with a port and ``arguments``; returns once it answers."""
    model = cast(Model, function)
    port = free_port()
    environment = {"MODEL_FOLDER": str(model.folder), "MODEL_SECONDS": str(model.seconds)}
    server = subprocess.Popen(
        [sys.executable, "-m", module, "--port", str(port), *arguments],
        env=os.environ | environment,
        stdout=(model.folder / "server").open("wb"),
        stderr=subprocess.STDOUT,
    )
    running = Running(server, port, path)
    end = time.monotonic() + START
    while True:
        try:
            await running.post("warm 0")
            return running
        except Exception:
            if time.monotonic() > end or server.poll() is not None:
                raise
            await asyncio.sleep(0.1)


@dataclasses.dataclass(frozen=True)
class Running:
    server: subprocess.Popen[bytes]
    port: int
    path: str

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.post(item))

    async def post(self, item: str) -> Any:
        """Asks over a connection of its own, which is closed if the caller is cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            body = json.dumps({"item": item}).encode()
            head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            reply, _, content = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        status = reply.split()[1].decode()
        if status != "200":
            raise RuntimeError(f"{status}: {content.decode(errors='replace')[:200]}")
        return json.loads(content)["answer"]

    def call(self, item: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.path}",
            json.dumps({"item": item}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)["answer"]

    async def aclose(self) -> None:
        self.server.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.server.wait)


def options_of(options: Options) -> list[str]:
    """Returns the options as the command lines of the servers in this folder take them."""
    names = [name for name in ("capacity", "max_wait", "worker_timeout") if value(options, name)]
    return [
        f"--batch={options.batch_size}",
        *(f"--{name}={value(options, name)}" for name in names),
    ]


def value(options: Options, name: str) -> str:
    """Returns the value of an option as text, or nothing if it is not asked for."""
    chosen = getattr(options, name)
    return "" if chosen is None else str(chosen)
