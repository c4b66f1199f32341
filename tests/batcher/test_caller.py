"""The base of batchers: its calls are the way in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.batcher.inboxes import Served

from multibin._core import Call, Caller


@pytest.fixture
def served() -> Served:
    return Served()


class Batcher(Caller):
    """Records the calls that go to ``_start``."""

    def __init__(self, *, option: int = 0) -> None:
        assert option in (0, 1)
        self.started: list[Any] = []

    def _start(self, item: Any, options: dict[str, Any]) -> Any:
        self.started.append((item, options))
        return "started"


def test_calls_go_to_start_until_an_inbox_is_attached(served: Served) -> None:
    batcher = Batcher(option=1)
    assert batcher("a") == "started"
    assert batcher("b", length=1, cost=2.0, priority=3, ttl=4) == "started"
    options = {"length": 1, "cost": 2.0, "priority": 3, "ttl": 4}
    assert batcher.started == [("a", {}), ("b", options)]
    batcher._attach(served.inbox)
    future = batcher("abc", length=2, cost=5, priority=1, ttl=100)
    assert type(future) is Call
    assert served.limit.cost == 5
    served.serve(str.upper)
    assert future.result() == "ABC"
    batcher._detach()
    assert batcher("c") == "started"
    with pytest.raises(TypeError):
        batcher()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        batcher("a", unknown=1)  # type: ignore[call-arg]


def test_a_batcher_is_at_home_in_one_loop(served: Served) -> None:
    batcher = Batcher()

    async def home() -> None:
        batcher._attach(served.inbox, asyncio.get_running_loop())
        future = batcher("a")
        served.serve()
        assert await future == "a"

    async def elsewhere() -> None:
        assert batcher("b") == "started"

    asyncio.run(home())
    asyncio.run(elsewhere())
    assert batcher("c") == "started"
    assert [item for item, _ in batcher.started] == ["b", "c"]
