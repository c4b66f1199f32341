"""Runs a job on an engine, from where the output ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from multibin.llm._engine.request import Request, gathered
from multibin.llm._jobs.job import Job, Result, Settings
from multibin.llm._jobs.lines import Task
from multibin.llm._jobs.output import Output
from multibin.llm._outputs import RequestOutput

if TYPE_CHECKING:
    from multibin.llm._llm import LLM

__all__ = ["run_job"]


def run_job(
    llm: LLM,
    lines: Iterator[bytes],
    target: str,
    settings: Settings,
    result: Result,
    report: Callable[[Result], object] = lambda _: None,
) -> None:
    """Answers the lines that have no answer in `target` yet, in their order.

    Args:
        llm: runs the requests; a call of `generate` waits until the job has ended.
        lines: the input.
        target: a file, or "-" for the standard output.
        settings: how the job runs.
        result: counts what the job does.
        report: called when answers are written.

    Raises:
        OSError: the output cannot be written.
        ValueError: the output is not of this input, or another run writes it; or a line failed,
            and `settings.stops` is set.
    """
    # Two windows: a line of many continuations may begin in the last place of one.
    session = llm._session(llm._longest, 2 * settings.window)
    with Output(target) as output, session as running:
        job = Job(Engine(llm), running, lines, output, settings, result, report)
        job.skip(output.done)
        job.run()


class Engine:
    """Makes requests of tasks, and outputs of requests."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._keys = count()

    def admit(self, task: Task) -> tuple[list[Request], Any]:
        """Returns the requests of a task and their lengths."""
        admission, prompt = self._llm._admission, task.prompt
        if task.messages is not None:
            [prompt] = self._llm._chat_prompts(task.messages, {})
        requests = admission.requests([prompt], task.params, names=("prompt",))
        for request in requests:
            request.key = next(self._keys)
        return requests, self._llm._lengths(requests, task.length)

    def output(self, requests: list[Request]) -> RequestOutput:
        """Returns the output of requests that have ended."""
        return gathered(requests)
