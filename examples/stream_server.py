"""Streams text as server-sent events: MODEL=folder uvicorn examples.stream_server:app

curl -N localhost:8000/generate -H 'Content-Type: application/json' -d '{"prompt": "good air"}'
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from examples._small import given
from multibin import AsyncLLM, FullError, SamplingParams


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncLLM(*given.words(os.getenv("MODEL")), scheduling="continuous") as app.state.llm:
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
        params = SamplingParams(**question.model_dump(exclude={"prompt"}))
        outputs = app.state.llm.generate(question.prompt, params)
        first = await anext(outputs)  # An answer that has not begun can have a status of its own.
    except FullError as error:
        raise HTTPException(503, str(error)) from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error

    async def events() -> AsyncIterator[str]:
        async with aclosing(outputs):  # A client that leaves frees its slot.
            yield f"data: {json.dumps({'text': first.outputs[0].text})}\n\n"
            async for output in outputs:
                yield f"data: {json.dumps({'text': output.outputs[0].text})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/metrics")
def metrics() -> Response:
    return Response(app.state.llm.prometheus(), media_type="text/plain; version=0.0.4")
