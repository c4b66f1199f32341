"""The server for production: it refuses when it is full, counts, and answers all in the end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., Any]
TEXT = '"a text"'
httpx = pytest.importorskip("httpx", reason="the test of the server needs httpx")


@pytest.fixture(scope="module")
def fastapi_server(example: Load) -> Any:
    """The server's module."""
    return example("fastapi_server", "fastapi")


def client(transport: Any) -> Any:
    return httpx.AsyncClient(transport=transport, base_url="http://server", timeout=60)


def score_alone(server: Any, text: str) -> float:
    """Returns the score of a text by the model itself."""
    return float(server.model(**server.tokenizer(text, return_tensors="pt")).logits.detach()[0, 0])


def test_a_full_server_says_when_to_come_again(
    fastapi_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()

    def wait(rows: list[Any]) -> list[float]:
        may_end.wait(60)
        return [0.5] * len(rows)

    async def main() -> list[Any]:
        async with client(httpx.ASGITransport(fastapi_server.app)) as server:
            asking = [asyncio.ensure_future(server.post("/score", json="a text")) for _ in range(3)]
            await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            may_end.set()
            replies = await asyncio.gather(*asking)
            page = (await server.get("/metrics")).text
        assert "_refused_total" in page
        await fastapi_server.score.aclose()
        return list(replies)

    batcher = fastapi_server.mb.Batcher(wait, length=len, batch_size=2, capacity=2)
    monkeypatch.setattr(fastapi_server, "score", batcher)
    replies = asyncio.run(main())
    assert sorted(reply.status_code for reply in replies) == [200, 200, 503]
    [refused] = [reply for reply in replies if reply.status_code == 503]
    assert int(refused.headers["Retry-After"]) >= 1
    assert "capacity" in refused.json()["detail"]


@contextmanager
def in_uvicorn(app: Any, place: Path) -> Iterator[Any]:
    """Serves an app in a thread, on a socket in the file system."""
    uvicorn = pytest.importorskip("uvicorn", reason="the server runs in uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, uds=str(place), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield server
    finally:
        server.handle_exit(signal.SIGTERM, None)
        thread.join()


async def ask_and_leave(place: Path, has_come: Callable[[], bool]) -> None:
    """Sends a request, and ends the connection once the request has come."""
    _, writer = await asyncio.open_unix_connection(str(place))
    head = f"POST /score HTTP/1.1\r\nHost: server\r\nContent-Length: {len(TEXT)}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\n\r\n{TEXT}".encode())
    await writer.drain()
    while not has_come():
        await asyncio.sleep(0.001)
    writer.close()
    await writer.wait_closed()


def test_nothing_is_computed_for_a_client_that_is_gone(
    fastapi_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    computed: list[int] = []
    may_end = threading.Event()

    def wait(rows: list[Any]) -> list[float]:
        may_end.wait(60)
        computed.append(len(rows))
        return [0.5] * len(rows)

    async def main() -> None:
        async with client(httpx.AsyncHTTPTransport(uds=str(place))) as caller:
            stays = asyncio.ensure_future(caller.post("/score", json="a text"))
            while not batcher.stats()["running"]:
                await asyncio.sleep(0.001)
            for count in range(2, 5):
                await ask_and_leave(place, lambda: batcher.stats()["submitted"] == count)  # noqa: B023
            while batcher.stats()["cancelled"] < 3:
                await asyncio.sleep(0.001)
            may_end.set()
            assert (await stays).json() == 0.5

    place = tmp_path / "socket"
    batcher = fastapi_server.mb.Batcher(wait, length=len, batch_size=1)
    monkeypatch.setattr(fastapi_server, "score", batcher)
    with in_uvicorn(fastapi_server.app, place):
        asyncio.run(asyncio.wait_for(main(), 60))
    batcher.close()
    assert computed == [1]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_it_ends_cleanly_with_requests_in_flight(
    fastapi_server: Any, example: Load, tmp_path: Path
) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="the server runs in uvicorn")
    texts = example("small").texts(96, high=128, seed=8)
    place = tmp_path / "socket"
    config = uvicorn.Config(fastapi_server.app, uds=str(place), log_config=None)
    server = uvicorn.Server(config)

    async def load_and_stop() -> list[float]:
        transport = httpx.AsyncHTTPTransport(uds=str(place), limits=httpx.Limits())
        async with client(transport) as caller:
            asking = [asyncio.ensure_future(caller.post("/score", json=text)) for text in texts]
            while sum(one.done() for one in asking) < 4:
                await asyncio.sleep(0.001)
            server.handle_exit(signal.SIGTERM, None)
            return [reply.json() for reply in await asyncio.gather(*asking)]

    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    scores = asyncio.run(load_and_stop())
    thread.join()
    assert scores == pytest.approx([score_alone(fastapi_server, one) for one in texts], abs=1e-4)
    # The lifespan has closed the batcher.
    with pytest.raises(fastapi_server.mb.ClosedError):
        fastapi_server.score.submit([1]).result()
