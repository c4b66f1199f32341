"""A web client that goes away takes its item back: FastAPI lets the handler go on."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from fastapi import HTTPException, Request

import multibin as mb

T = TypeVar("T")


async def unless_gone(request: Request, item: mb.Future[T]) -> T:
    """Returns the result of an item, or cancels it when the client is gone."""
    future = asyncio.ensure_future(item)
    gone = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait([future, gone], return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            raise HTTPException(499, "the client is gone")
        return await future
    finally:
        gone.cancel()
        future.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
