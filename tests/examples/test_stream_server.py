"""The streaming server: its events are the text, and a client that leaves frees its slot."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest

httpx = pytest.importorskip("httpx", reason="the test of the server needs httpx")


@pytest.fixture(scope="module")
def stream_server(example: Callable[..., Any]) -> Any:
    """The server's module."""
    return example("stream_server", "fastapi")


@pytest.fixture(scope="module")
def served(
    stream_server: Any,  # noqa: ARG001 skips without its packages
    serve: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server as a process, and its socket."""
    place = tmp_path_factory.mktemp("server") / "socket"
    with serve("stream_server", place) as process:
        yield process, str(place)


def client(place: str) -> Any:
    transport = httpx.AsyncHTTPTransport(uds=place)
    return httpx.AsyncClient(transport=transport, base_url="http://server", timeout=60)


async def lines(server: Any, **question: Any) -> AsyncGenerator[str, None]:
    async with server.stream("POST", "/generate", json=question) as reply:
        assert reply.status_code == 200
        async for line in reply.aiter_lines():
            if line:
                yield line.removeprefix("data: ")


async def ask(server: Any, **question: Any) -> str:
    *events, end = [line async for line in lines(server, **question)]
    assert end == "[DONE]"
    return "".join(json.loads(event)["text"] for event in events)


async def metric(server: Any, name: str) -> float:
    page = (await server.get("/metrics")).text
    found = [line.split()[-1] for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(found[0])


def test_events_are_the_text(served: tuple[Any, str], example: Callable[..., Any]) -> None:
    from multibin import LLM, SamplingParams

    async def main() -> list[str]:
        async with client(served[1]) as server:
            questions = [{"prompt": "good air", "max_tokens": 20, "seed": i} for i in range(8)]
            return list(await asyncio.gather(*(ask(server, **one) for one in questions)))

    llm = LLM(*example("_small.given").words())
    params = [SamplingParams(max_tokens=20, seed=i) for i in range(8)]
    expected = llm.generate(["good air"] * 8, params, use_tqdm=False)
    assert asyncio.run(main()) == [output.outputs[0].text for output in expected]


@pytest.mark.parametrize(
    "question", [{"prompt": "good " * 600}, {"prompt": "good", "max_tokens": 0}]
)
def test_what_cannot_run_is_refused(served: tuple[Any, str], question: dict[str, Any]) -> None:
    async def main() -> None:
        async with client(served[1]) as server:
            reply = await server.post("/generate", json=question)
            assert reply.status_code == 422
            assert " must " in reply.json()["detail"]

    asyncio.run(main())


def test_a_client_that_leaves_frees_its_slot(served: tuple[Any, str]) -> None:
    aborted = 'multibin_llm_finished_total{reason="abort"}'

    async def main() -> None:
        async with client(served[1]) as server:
            stream = lines(server, prompt="good air", max_tokens=500, min_tokens=500)
            await anext(stream)
            await stream.aclose()
            deadline = time.monotonic() + 30
            while await metric(server, "multibin_llm_rows_running"):
                assert time.monotonic() < deadline
            assert await metric(server, aborted) == 1

    asyncio.run(main())


def test_it_ends_when_it_is_told_to(served: tuple[Any, str]) -> None:
    process, _ = served
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGINT), said
    assert "Traceback" not in said
