"""``multibin generate``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from multibin import _args
from multibin.cli._files import (
    add_loading,
    add_output,
    check_tokenizer,
    given,
    interruptible,
    opened,
    summary,
)
from multibin.cli._options import add_engine, needing_engine, progress

WINDOW = 1024

FORMS = """\
a line of INPUT is one of
  {"prompt": "A text", "max_tokens": 64, "length": 20}
  {"prompt_token_ids": [5, 6, 7]}
  {"messages": [{"role": "user", "content": "A question"}], "custom_id": "q1"}
  {"custom_id": "q2", "url": "/v1/chat/completions", "body": {"messages": [...]}}
with fields of SamplingParams other than logits_processors and prompt_logprobs (a body has no
logprobs either), and `length`, the predicted output tokens.

The answers keep the order of the lines. A line that is no request, or whose request fails, has
its error as its answer, and the exit status is then 1. Lines that an earlier run has answered do
not count for it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = FORMS
    add = parser.add_argument
    add("input", metavar="INPUT", help="Requests, JSON lines; - for the standard input")
    add_output(add, "Answers, JSON lines (the standard output)")
    add_engine(add)
    add_loading(add)
    add("--scheduling", default="continuous", help="How batches are formed (%(default)s)")
    add("--batch-size", type=int, metavar="N", help="Rows of a full batch (32)")
    add("--window", type=int, default=WINDOW, metavar="N", help="Requests in memory (%(default)s)")
    add("--max-tokens", type=int, metavar="N", help="For lines without (what the context holds)")
    add("--stop-on-error", action="store_true", help="End at the first line that fails")


def run(options: argparse.Namespace) -> int:
    """Answers the lines, and returns 1 if any failed."""
    _args.integer("window", options.window, 1)
    for name in ("max_tokens", "width", "threads"):
        if getattr(options, name) is not None:
            _args.integer(name, getattr(options, name), 1)
    check_tokenizer(options)
    jobs = needing_engine("multibin.llm._jobs")
    report = progress("multibin generate")
    with opened(options.input) as lines, jobs.threads(options.threads, options.model is None):
        report("loading the model")
        llm = _engine(options)
        defaults = replace(llm.default_sampling_params, max_tokens=options.max_tokens)
        settings = jobs.Settings(
            options.window, options.stop_on_error, defaults, options.model or "built-in"
        )
        result = jobs.Result()
        with interruptible(report, result):
            jobs.run_job(llm, lines, options.output, settings, result, report=_show(report))
    report("")
    print(summary(result), file=sys.stderr)
    return 1 if result.failed else 0


def _engine(options: argparse.Namespace) -> Any:
    llm = needing_engine("multibin.llm")
    chosen = given(options, "gguf_file", "device", "dtype", "batch_size", "scheduling")
    if options.trust_remote_code:
        chosen["trust_remote_code"] = True
    if options.model is not None:
        return llm.LLM(options.model, options.tokenizer, **chosen)
    tiny = needing_engine("multibin.llm._load.tiny")
    return llm.LLM(tiny.tiny_model(options.width or 1), tiny.ByteTokenizer(), **chosen)


def _show(report: Any) -> Any:
    def show(result: Any) -> None:
        report(f"answered {result.answered}")

    return show
