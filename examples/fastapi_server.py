"""Scores texts in FastAPI, with what a server needs beside `embed_server.py`.

    uvicorn examples.fastapi_server:app
    curl localhost:8000/score -H 'Content-Type: application/json' -d '"a text"'

It refuses with 503 when it is full, and computes nothing for clients that are gone. It answers what
is in flight when it is stopped, and has metrics.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import torch
from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import JSONResponse

import multibin as mb
from examples import small
from examples._small.gone import unless_gone

tokenizer = small.tokenizer()
model = small.classifier()


@mb.batch(length=len, batch_size=16, capacity=256)
def score(rows: list[list[int]]) -> list[float]:
    batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
    with torch.inference_mode():
        scores: list[float] = model(**batch).logits[:, 0].tolist()
    return scores


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await score.aclose(timeout=30)  # uvicorn has answered what came by HTTP.


app = FastAPI(lifespan=lifespan)


@app.exception_handler(mb.FullError)
async def refuse(_: Request, error: mb.FullError) -> Response:
    seconds = math.ceil(error.retry_after or 1)
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(seconds)})


@app.post("/score")
async def answer(request: Request, text: Annotated[str, Body()]) -> float:
    ids = tokenizer(text, truncation=True, max_length=256).input_ids
    return await unless_gone(request, score.submit(ids))


@app.get("/metrics")
def metrics() -> Response:
    return Response(score.prometheus(), media_type="text/plain; version=0.0.4")
