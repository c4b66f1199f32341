"""SmolLM2-135M on the demo's 64 prompts: speeds beside transformers, and whether texts agree."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

import torch
from benches.batcher.paired import Target
from benches.engine.rounds import Plan, Rounds

import multibin as mb
from multibin.lab.compare.engine._chat import _encoded
from multibin.lab.compare.engine._generate import answers
from multibin.lab.compare.engine._prompts import PROMPTS, mixed
from multibin.llm._engine.schedule import geometric_edges
from multibin.llm._load.load_by_name import load_by_name, packaged
from multibin.llm._load.models import Model
from multibin.llm._load.tokenizers import find_tokenizer

__all__ = ["add_options", "run"]

BATCH = 8
BINS = 6
MODES: dict[str, dict[str, Any]] = {
    "fifo": {"scheduling": "fifo"},
    "climb": {"overrun": "climb"},
    "continuous": {"scheduling": "continuous"},
}
GENERATE = "generate"
RATIOS = {
    ("climb", "fifo"): Target(1.65, least=True),
    ("climb", GENERATE): Target(1.55, least=True),
    ("continuous", "climb"): Target(1.05, least=True),
}
"""Ratios of useful tokens a second, with their targets."""
EXACT = 8
"""Prompts whose texts are compared in float64: of answers from the shortest to long ones."""

Tokens = list[list[int]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the sizes of a run; its defaults are those of the targets."""
    parser.add_argument("--max-tokens", type=int, default=256, help="of an answer (256)")
    parser.add_argument("--rounds", type=int, default=1, help="interleaved ones (1)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (2)")
    parser.add_argument("--prompts", type=int, default=64, help="the first of the list (64)")


class Tie(NamedTuple):
    """Two answers that part, and the scores of the tokens at which they do, in float64."""

    position: int
    gap: float
    """The difference of the two logits."""
    rounding: float
    """How far float32 logits are from those of float64 there."""


def run(options: argparse.Namespace) -> bool:
    """Prints speeds, ratios and comparisons; returns whether a target is missed."""
    torch.set_num_threads(options.threads)
    folder, file = packaged()
    model, _ = load_by_name(folder, dtype="float32", gguf_file=file)
    tokenizer = find_tokenizer(folder, gguf_file=file).tokenizer
    prompts = [_encoded(tokenizer, text) for text in mixed(PROMPTS)[: options.prompts]]
    texts: dict[str, Tokens] = {}
    rounds = Rounds()

    def measure(name: str) -> dict[str, float]:
        begin = perf_counter()
        texts[name] = _answers(model, name, prompts, options.max_tokens)
        seconds = perf_counter() - begin
        rate = sum(map(len, texts[name])) / seconds
        print(f"{name}: {seconds:.1f} s, {rate:.1f} useful tokens/s", flush=True)
        return {"tokens/s": rate}

    _answers(model, "fifo", prompts[:2], 2)
    rounds.run(Plan([*MODES, GENERATE]), options.rounds, measure)
    lines = [rounds.ratio("tokens/s", "tokens/s", *pair, bar) for pair, bar in RATIOS.items()]
    found = [line for line in lines if line is not None]
    print(*found, sep="\n", flush=True)
    agree = _compare(model, prompts, texts, options.max_tokens)
    return any(line.missed for line in found) or not agree


def _answers(model: Model, name: str, prompts: Tokens, most: int) -> Tokens:
    if name == GENERATE:
        groups = [prompts[at : at + BATCH] for at in range(0, len(prompts), BATCH)]
        return [row for group in groups for row in answers(model, group, most)]
    options = MODES[name] | {"edges": mb.Edges(geometric_edges(BINS, most))}
    engine = mb.LLM(model.module, batch_size=BATCH, **options)
    params = mb.SamplingParams(max_tokens=most, temperature=0.0)
    return [
        list(one.outputs[0].token_ids) for one in engine.generate(prompts, params, use_tqdm=False)
    ]


def _compare(model: Model, prompts: Tokens, texts: dict[str, Tokens], most: int) -> bool:
    """Prints where texts differ, in float32 and float64; returns whether all is well."""
    rounded = {name: _float32_logits(model, prompts, texts, name) for name in texts}
    model.module.double()
    ties = [
        tie
        for name, rows in rounded.items()
        for prompt, one, other, at, logits in rows
        if (tie := _tie(model, prompt, one, other, at, logits))
    ]
    worst = max((tie.gap / tie.rounding for tie in ties), default=0.0)
    # Each of the two logits may be off by as much as any, on both sides.
    good = worst <= 4
    print(
        f"float32: {len(ties)} answers of {len(prompts) * len(texts)} part from those of fifo; "
        f"the two tokens differ by at most {worst:.2f} × the rounding of the logits there"
    )
    by_length = sorted(range(len(prompts)), key=lambda at: len(texts["fifo"][at]))
    few = by_length[EXACT // 2 :: max(len(prompts) // EXACT, 1)][:EXACT]
    chosen = [prompts[at] for at in few]
    alone = [answers(model, [prompt], most)[0] for prompt in chosen]
    exact = {name: _answers(model, name, chosen, most) == alone for name in MODES}
    said = ", ".join(f"{name} {'equal' if same else 'DIFFERENT'}" for name, same in exact.items())
    print(f"float64, {EXACT} answers of {sum(map(len, alone))} tokens: {said}")
    return good and all(exact.values())


def _float32_logits(
    model: Model, prompts: Tokens, texts: dict[str, Tokens], name: str
) -> list[tuple[list[int], list[int], list[int], int, torch.Tensor]]:
    """Returns the answers that part from those of fifo, with the float32 logits where they do."""
    rows = []
    for prompt, one, other in zip(prompts, texts["fifo"], texts[name], strict=True):
        if one != other:
            pairs = zip(one, other, strict=False)
            at = next(at for at, (a, b) in enumerate(pairs) if a != b)
            rows.append((prompt, one, other, at, _logits(model, [*prompt, *one[:at]])))
    return rows


def _tie(
    model: Model,
    prompt: list[int],
    one: Sequence[int],
    other: Sequence[int],
    at: int,
    rounded: torch.Tensor,
) -> Tie:
    logits = _logits(model, [*prompt, *one[:at]])
    gap = float((logits[one[at]] - logits[other[at]]).abs())
    return Tie(at, gap, float((logits - rounded).abs().max()))


def _logits(model: Model, ids: list[int]) -> torch.Tensor:
    """Returns the logits behind ids as float64, [vocab]."""
    with torch.inference_mode():
        output = model.module(input_ids=torch.tensor([ids]), use_cache=False)
    logits: torch.Tensor = output[0][0, -1]
    return logits.double()
