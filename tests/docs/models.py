"""Saves what a page expects to be there, for the hidden blocks of pages."""

from __future__ import annotations

from pathlib import Path


def save(*folders: str) -> None:
    """Saves a Llama of two layers with random weights, and its tokenizer, into each folder."""
    from tests.reward.formats import vocabularies
    from tests.reward.load.tiny import build
    from transformers import AutoModelForCausalLM, LlamaConfig

    tokenizer = vocabularies.byte_level()
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 1024}
    for folder in folders:
        build(AutoModelForCausalLM, LlamaConfig, **sizes).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def trace(name: str, rows: int = 100) -> None:
    """Writes a trace of chats: Poisson arrivals, log-normal lengths."""
    from multibin.lab.traces import arrivals, chat

    drawn = chat(rows, seed=0).with_arrivals(arrivals.poisson(rows, rate=1.5, seed=1))
    assert drawn.arrivals is not None
    columns = zip(drawn.arrivals, drawn.prompt_tokens, drawn.output_tokens, strict=True)
    lines = ["timestamp,prompt_tokens,output_tokens", *(f"{t},{p},{o}" for t, p, o in columns)]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
