"""Serves texts in an asyncio loop: a caller sends a line, and gets a line back.

    python -m examples.asyncio_server [PORT]
    nc localhost 8000

A caller that hangs up gives up. Ctrl-C and SIGTERM end the server when all callers are answered.
"""

import asyncio
import itertools

import multibin as mb
from examples._small.lines import serve
from examples._small.stand_in import model

scheduler = mb.Scheduler(batch_size=8, longest=1000)
questions: dict[int, tuple[str, asyncio.Future[str]]] = {}
keys = itertools.count()


async def ask(text: str) -> str:
    """Waits for room, then for the answer. It is cancelled if its caller hangs up."""
    key, answer = next(keys), asyncio.Future[str]()
    questions[key] = text, answer
    try:
        ticket = await scheduler.submit_async(key, len(text))
        answer.add_done_callback(lambda _: scheduler.cancel(ticket))  # If it still waits.
        return await answer
    finally:
        del questions[key]


async def work() -> None:
    """Runs batches until the scheduler is closed and empty."""
    with scheduler.worker() as worker:
        async for batch in worker:
            asked = [one for key in batch.keys.tolist() if (one := questions.get(key))]
            try:
                with batch:  # If the model fails, its rows count as lost.
                    results = await asyncio.to_thread(model, [text for text, _ in asked])
                    for (_, answer), result in zip(asked, results, strict=True):
                        if not answer.done():  # Else its caller hung up.
                            answer.set_result(result)
            except Exception as error:  # Fails this batch, and the worker goes on.
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)


async def main() -> None:
    """Serves until a signal comes; the worker ends after the callers."""
    worker = asyncio.create_task(work())
    await serve(ask)
    scheduler.close()
    await worker


if __name__ == "__main__":
    asyncio.run(main())
