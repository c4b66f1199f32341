"""Streams text as server-sent events: MODEL=folder uvicorn examples.stream_server:app

curl -N localhost:8000/generate -H 'Content-Type: application/json' -d '{"prompt": "good air"}'
"""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

import multibin as mb
from examples import small


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    folder = os.environ.get("MODEL")
    model = [folder] if folder else [small.causal_model(), small.tokenizer()]
    async with mb.AsyncLLM(*model, scheduling="continuous") as app.state.llm:
        yield


app = FastAPI(lifespan=lifespan)


class Question(BaseModel):
    prompt: str
    max_tokens: int | None = 64
    min_tokens: int = 0
    temperature: float = 1.0
    seed: int | None = None


@app.post("/generate")
async def generate(question: Question) -> Response:
    try:
        params = mb.SamplingParams(**question.model_dump(exclude={"prompt"}))
        outputs = app.state.llm.generate(question.prompt, params)
        # An answer that has not begun can still have a status of its own.
        first = await anext(outputs)
    except mb.FullError as error:
        raise HTTPException(503, str(error)) from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return StreamingResponse(events(first, outputs), media_type="text/event-stream")


async def events(
    first: mb.RequestOutput, outputs: AsyncGenerator[mb.RequestOutput, None]
) -> AsyncIterator[str]:
    async with aclosing(outputs):  # A client that leaves frees its slot.
        yield f"data: {json.dumps({'text': first.outputs[0].text})}\n\n"
        async for output in outputs:
            yield f"data: {json.dumps({'text': output.outputs[0].text})}\n\n"
    yield "data: [DONE]\n\n"


@app.get("/metrics")
def metrics() -> Response:
    return Response(app.state.llm.prometheus(), media_type="text/plain; version=0.0.4")
