"""The server for production: it refuses when it is full, counts, and answers all in the end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., Any]
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
