"""Compares one model in the engine with transformers, and records the outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from inspect import signature
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from multibin.llm import LLM, SamplingParams
from tools.models import records as outcome
from tools.models.build import DRAWS, build, doubles, draw
from tools.models.candidates import class_name, config_of, group
from tools.models.records import Record
from tools.models.sizes import SIZES
from tools.models.texts import (
    BUDGETS,
    END,
    FEW,
    Texts,
    alone,
    budgets,
    make_prompts,
    padded,
    uncached,
    varied,
    variety,
)

LONGEST = 160
"""The most characters of a reason."""

POLICIES: tuple[dict[str, Any], ...] = (
    {"batch_size": 3, "edges": [0, 4, 10]},
    {"batch_size": 4, "overrun": "finish"},
    {"batch_size": 4, "scheduling": "continuous", "max_prefill_tokens": 7},
)
"""Options of the engine: rows that climb between bins, batches that run to their end, and rows
that join running ones, with prompts in pieces."""

SHORT = 40
"""The longest prompt of a short text."""


def attempt(name: str) -> Record:
    """Builds the tiny model of a candidate, and returns its record."""
    with doubles():
        try:
            model = build(config_of(name))
        except Exception as error:
            record = Record(name, class_name(name), outcome.NOT_BUILT, reason(error))
        else:
            record = judge(name, model)
    return replace(record, group=group(name))


def judge(model_type: str, model: Any) -> Record:
    """Runs the engine on `model`, a causal language model in float64, and returns the record.

    Its weights are drawn again until its texts vary.
    """
    name = type(model).__name__
    few, note = _reference(model)
    try:
        engines = [LLM(model, **policy) for policy in POLICIES]
    except ValueError as error:
        kind = outcome.FULL if few and caches_all(model) else outcome.REFUSED
        return Record(model_type, name, kind, reason(error), _batch(model, few, note))
    except Exception as error:
        return Record(model_type, name, outcome.ERROR, reason(error), _batch(model, few, note))
    if few is None:
        return Record(model_type, name, outcome.NOT_BUILT, note)
    try:
        found, limit = compared(model, engines)
    except Exception as error:
        return Record(model_type, name, outcome.ERROR, f"in generate: {reason(error)}")
    notes = [limit, note, "" if varied(few) else "its texts hardly vary"]
    return Record(
        model_type, name, found, "; ".join(filter(None, notes)), attention=way(engines[0])
    )


def way(llm: LLM) -> str:
    """Returns how the model of an engine runs."""
    model = llm._executor.model
    if not model.attends:
        return outcome.MASKED
    return outcome.EXPANDED if model.expands else outcome.OWN


def _reference(model: Any) -> tuple[Texts | None, str]:
    """Returns short texts of transformers and a note; in float32 if float64 fails."""
    try:
        return settle(model), ""
    except Exception as error:
        why = f"transformers does not run it: {reason(error)}"
    torch.set_default_dtype(torch.float32)
    try:
        return settle(model.float()), "in float32"
    except Exception:
        return None, why


def settle(model: Any) -> Texts:
    """Draws weights under which the texts of `model` vary, and returns its short texts.

    If no draw makes them vary, the weights are those of the most variety.
    """
    tried: list[Texts] = []
    for numbers in DRAWS:
        draw(model, *numbers)
        tried.append(short_texts(model))
        if varied(tried[-1]):
            return tried[-1]
    best = max(range(len(DRAWS)), key=lambda index: variety(tried[index]))
    draw(model, *DRAWS[best])
    return tried[best]


def short_texts(model: Any) -> Texts:
    """Returns `FEW` tokens after each prompt alone."""
    return continued(model, make_prompts(SHORT, vocabulary(model)), [FEW] * len(BUDGETS))


def continued(model: Any, prompts: Texts, counts: list[int]) -> Texts:
    """Returns the text of `generate` for each prompt; the loop without a cache if it fails."""
    pairs = list(zip(prompts, counts, strict=True))
    try:
        return [alone(model, prompt, count) for prompt, count in pairs]
    except Exception:
        return [uncached(model, prompt, count) for prompt, count in pairs]


def vocabulary(model: Any) -> int:
    """Returns the number of ids that a prompt may have."""
    own = getattr(model.config.get_text_config(decoder=True), "vocab_size", None)
    return min(own or SIZES["vocab_size"], SIZES["vocab_size"])


def compared(model: Any, engines: list[LLM]) -> tuple[str, str]:
    """Returns outcome and reason for a model that the engine accepted."""
    context = min(engines[0].context, END)
    prompts = make_prompts(context, vocabulary(model))
    counts = budgets(prompts, context)
    expected = continued(model, prompts, counts)
    engine_texts = [generated(llm, prompts, counts) for llm in engines]
    rows = [i for i, text in enumerate(expected) if any(one[i] != text for one in engine_texts)]
    plain = {i: uncached(model, prompts[i], counts[i]) for i in rows}
    wrong = [i for i in rows if any(one[i] != plain[i] for one in engine_texts)]
    if wrong:
        return outcome.WRONG, f"{len(wrong)} of {len(prompts)} texts differ"
    notes = [f"generate itself differs from a loop without a cache in {len(rows)} texts"] * bool(
        rows
    )
    if context < END:
        notes.insert(0, _limit(model, context))
    return (outcome.WITHIN if context <= END // 2 else outcome.EXACT), "; ".join(notes)


def generated(llm: LLM, prompts: Texts, counts: list[int]) -> Texts:
    """Returns the texts of the engine for all prompts in one call."""
    params = [SamplingParams(max_tokens=count, temperature=0) for count in counts]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    return [output.outputs[0].token_ids for output in outputs]


def _limit(model: Any, context: int) -> str:
    """Returns what shortens the context: the field of the config with this number."""
    fields = _numbers(vars(model.config.get_text_config(decoder=True)))
    names = [name for name, value in fields if name in SIZES and value == context]
    limits = [name for name in names if "window" in name or "chunk" in name or "original" in name]
    return f"the context is `{limits[0]}`" if limits else f"the context is {context} of {END}"


def _numbers(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields names and values, also those of mappings inside."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _numbers(value)
        else:
            yield name, value


def _batch(model: Any, few: Texts | None, note: str) -> str:
    """Returns how many rows of transformers' own left-padded batch equal those alone."""
    if few is None:
        return note
    prompts = make_prompts(SHORT, vocabulary(model))
    try:
        together = padded(model, prompts, FEW)
    except Exception as error:
        return reason(error)
    same = sum(text == row for text, row in zip(few, together, strict=True))
    return f"{same} of {len(prompts)}{', ' * bool(note)}{note}"


def caches_all(model: Any) -> bool:
    """Returns whether transformers caches the keys and values of all tokens in every layer."""
    decoder = model.config.get_text_config(decoder=True)
    arguments = signature(model.forward).parameters
    if model.config.is_encoder_decoder or model._is_stateful:
        return False
    if not {"past_key_values", "cache"} & set(arguments):
        return False
    if "local" in (getattr(decoder, "attention_layers", None) or []):
        return False
    try:
        layers = DynamicCache(config=decoder).layers
    except Exception:
        return False
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def reason(error: BaseException) -> str:
    """Returns an error as one stable line, without the model's name, addresses and folders."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = next((line for line in lines if not line.endswith(":")), type(error).__name__)
    text = re.sub(r"^(ValueError: )?model: \S+ |; only [^;]+ supported$", "", text)
    text = re.sub(r"0x[0-9a-f]+", "0x…", re.sub(r"(?<!\w)/\S+/", "", text)).replace("\t", " ")
    text = text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


torch.set_num_threads(1)
