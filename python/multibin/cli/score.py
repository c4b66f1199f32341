"""``multibin score``."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType
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
from multibin.cli._formats import NAMES, read_format
from multibin.cli._options import add_engine, needing_engine, progress

WINDOW = 64

FORMS = """\
a line of INPUT has a question and its candidates, each under one of these names:
  {"question": "1 + 1?", "candidates": ["One.\\n\\nThe answer is 2.", ["A step", "Another"]]}
  {"prompt": "1 + 1?", "completion": "It is 2."}
  {"prompt": "1 + 1?", "completions": ["One.", "It is 2."], "labels": [true, true]}
  {"problem": "1 + 1?", "steps": ["One.", "It is 2."], "label": -1, "id": "gsm8k-0"}
`completions` and `steps` are the steps of one candidate. A question or candidate may be chat
messages. A step may be token ids.

An answer has `scores`, one list of them a candidate, and `aggregate`, one number a candidate.
With --choose it has `choice`, an `index` and its `answer`. Other fields of the line are kept, such
as `custom_id`.

The answers keep the order of the lines. A line that cannot be scored has its error as its answer,
and the exit status is then 1. Lines that an earlier run has answered do not count for it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = FORMS
    add = parser.add_argument
    add("input", metavar="INPUT", help="Candidates, JSON lines; - for the standard input")
    add_output(add, "Scores, JSON lines (the standard output)")
    add_engine(add)
    add(
        "--format",
        default="versaprm",
        metavar="FORMAT",
        help=f"What the model reads: {', '.join(NAMES)}, or MODULE:NAME, a Format of your own in a"
        " module that Python finds (%(default)s)",
    )
    add_loading(add)
    add("--max-tokens", type=int, metavar="N", help="Tokens of a pass (2048, 16384 on a GPU)")
    add("--window", type=int, default=WINDOW, metavar="N", help="Lines in memory (%(default)s)")
    add("--aggregate", default="min", metavar="HOW", help="Score of a candidate (%(default)s)")
    add(
        "--choose",
        metavar="HOW",
        help="Choose by best_of_n, majority_vote or weighted_majority_vote",
    )
    add("--process-bench", action="store_true", help="Print how often first errors were found")
    add("--threshold", type=float, default=0.5, help="Least score of a good step (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Scores the lines, and returns 1 if any failed."""
    for name in ("window", "max_tokens", "width", "threads"):
        if getattr(options, name) is not None:
            _args.integer(name, getattr(options, name), 1)
    check_tokenizer(options)
    jobs = needing_engine("multibin.reward._job")
    settings = jobs.Settings(options.window, options.aggregate, options.choose)
    tally = jobs.Tally(options.threshold) if options.process_bench else None
    result = jobs.Result()
    with opened(options.input) as lines, jobs.threads(options.threads, options.model is None):
        report = progress("multibin score")
        report("loading the model")
        model = _model(options)
        with interruptible(report, result):
            jobs.run_job(
                model, lines, options.output, settings, result, tally=tally, report=_show(report)
            )
    report("")
    if tally is not None:
        print(_benched(jobs, tally), file=sys.stderr)
    print(summary(result), file=sys.stderr)
    return 1 if result.failed else 0


def _model(options: argparse.Namespace) -> Any:
    reward = needing_engine("multibin.reward._model")
    chosen = given(options, "gguf_file", "device", "dtype", "max_tokens")
    chosen["format"] = read_format(options.format)
    if options.model is not None:
        chosen["trust_remote_code"] = options.trust_remote_code
        return reward.RewardModel(options.model, options.tokenizer, **chosen)
    tiny = needing_engine("multibin.llm._load.tiny")
    model = reward.RewardModel(tiny.tiny_model(options.width or 1), tiny.ByteTokenizer(), **chosen)
    print("the built-in model has random weights: its scores say nothing", file=sys.stderr)
    return model


def _show(report: Any) -> Any:
    def show(result: Any) -> None:
        report(f"scored {result.answered}")

    return show


def _benched(jobs: ModuleType, tally: Any) -> str:
    found = tally.result()
    return "no line has a label" if found is None else str(jobs.table(found))
