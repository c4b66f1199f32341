"""What tests of AsyncLLM share: reading streams, and waiting with a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.llm.echo import EchoRunner

from multibin.llm import RequestOutput, SamplingParams

SOON = 30
"""Seconds after which a test counts as hanging."""


def params(tokens: int, **others: Any) -> SamplingParams:
    return SamplingParams(max_tokens=tokens, **others)


def run(coroutine: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(SOON):
            return await coroutine

    return asyncio.run(main())


async def collect(stream: Any) -> list[RequestOutput]:
    return [output async for output in stream]


async def text(stream: Any) -> str:
    return "".join([output.outputs[0].text async for output in stream])


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def slowly(runner: EchoRunner) -> None:
    """Lets each step take a little time."""
    runner.before = lambda: time.sleep(0.001)
