"""Serves texts with a thread for each caller, which waits, and one worker, which runs batches.

    python -m examples.thread_server [PORT]
    curl localhost:8000 -d 'a text'

Ctrl-C and SIGTERM end it when all callers are answered.
"""

import itertools
from concurrent.futures import Future, wait
from threading import Thread

import multibin as mb
from examples._small import stand_in, web

scheduler = mb.Scheduler(batch_size=8, longest=1000, capacity=64)
questions: dict[int, tuple[str, Future[str]]] = {}
keys = itertools.count()


def ask(text: str, timeout: float = 60) -> str:
    """Waits for the answer, in the thread of the caller."""
    key, answer = next(keys), Future[str]()
    questions[key] = text, answer
    try:
        ticket = scheduler.submit(key, len(text))
        if not wait([answer], timeout).done:
            scheduler.cancel(ticket)  # Does nothing if a batch has it.
            raise web.LateError("the text took too long")
        return answer.result()
    finally:  # Answered, refused or too late.
        del questions[key]


def work() -> None:
    """Runs batches until the scheduler is closed and empty."""
    with scheduler.worker() as worker:
        for batch in worker:
            asked = [one for key in batch.keys.tolist() if (one := questions.get(key))]
            try:
                with batch:  # If the model fails, its rows count as lost.
                    results = stand_in.model([text for text, _ in asked]) if asked else []
                    for (_, answer), result in [*zip(asked, results, strict=True)]:
                        answer.set_result(result)
            except Exception as error:  # Fails this batch, and the worker goes on.
                for _, answer in asked:
                    answer.set_exception(error)


def main() -> None:
    """Serves until a signal comes; the worker ends after the callers."""
    (worker := Thread(target=work)).start()
    web.serve(ask)
    scheduler.close()
    worker.join()


if __name__ == "__main__":
    main()
