"""Makes a server of an async function: a caller sends a line and gets a line back."""

import asyncio
import signal
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

Ask = Callable[[str], Coroutine[Any, Any, str]]


async def read_line(reader: StreamReader) -> str:
    """Returns what a caller sends within ten seconds."""
    async with asyncio.timeout(10):
        return (await reader.readline()).decode().strip()


async def end(reader: StreamReader) -> None:
    """Waits until the caller hangs up; it sends nothing more."""
    with suppress(ConnectionError):
        await reader.read(1)


async def talk(ask: Ask, reader: StreamReader, writer: StreamWriter) -> None:
    """Answers one caller, or cancels its question if it hangs up."""
    with suppress(ConnectionError):
        try:
            asking = asyncio.create_task(ask(await read_line(reader)))
            leaving = asyncio.create_task(end(reader))
            leaving.add_done_callback(lambda _: asking.cancel())
            asking.add_done_callback(lambda _: leaving.cancel())
            reply = await asking
        except Exception as error:
            reply = f"error: {error}"
        writer.write(f"{reply}\n".encode())
        await writer.drain()


async def serve(ask: Ask) -> None:
    """Serves at the port of the command line until Ctrl-C or SIGTERM.

    Returns when all callers are answered.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as callers:

        def answer(reader: StreamReader, writer: StreamWriter) -> None:
            task = callers.create_task(talk(ask, reader, writer))
            task.add_done_callback(lambda _: writer.close())

        server = await asyncio.start_server(
            answer, "127.0.0.1", int([*sys.argv, "8000"][1]), backlog=256
        )
        print("listening on port", server.sockets[0].getsockname()[1], flush=True)
        await stop.wait()
        server.close()
