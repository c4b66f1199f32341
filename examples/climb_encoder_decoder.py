"""Runs an encoder-decoder whose finished rows are answered while the others climb.

    python -m examples.climb_encoder_decoder

A plain batch answers all rows when its longest one ends. Here the decoder stops at the edge of the
rows' bin. Rows that are finished by then are answered, and the others climb. They keep what the
encoder made of their sources, so each source is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput

import multibin as mb
from examples import small

MOST = 64
"""The most tokens of an answer."""


@dataclass(frozen=True)
class Job:
    """A source, its encoding once it has one, and the answer as far as it is written."""

    source: list[int]
    encoded: Tensor | None = None
    written: tuple[int, ...] = ()


class Translator:
    """Answers sources greedily with a T5, whose relative positions allow padding on the left."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.start = model.config.decoder_start_token_id
        ends = model.generation_config.eos_token_id
        self.ends = set(ends if isinstance(ends, list) else [ends])

    def translate(
        self, jobs: list[Job], limit: int | None
    ) -> Sequence[list[int] | mb.Unfinished[Job]]:
        """Writes at most `limit` tokens of each answer."""
        steps = min(limit or MOST, max(MOST - len(job.written) for job in jobs))
        with torch.inference_mode():
            jobs = self.encode(jobs)
            new = self.decode(jobs, steps)
        return [self.after(job, row) for job, row in zip(jobs, new, strict=True)]

    def encode(self, jobs: list[Job]) -> list[Job]:
        """Returns the jobs with an encoding each; those that climbed have theirs already."""
        fresh = [job for job in jobs if job.encoded is None]
        if not fresh:
            return jobs
        lengths = [len(job.source) for job in fresh]
        ids = pad_sequence([torch.tensor(job.source) for job in fresh], batch_first=True)
        encoder = self.model.get_encoder()
        hidden = encoder(input_ids=ids, attention_mask=mask(lengths)).last_hidden_state
        encoded = iter([row[:length] for row, length in zip(hidden, lengths, strict=True)])
        return [
            job if job.encoded is not None else replace(job, encoded=next(encoded)) for job in jobs
        ]

    def decode(self, jobs: list[Job], steps: int) -> list[list[int]]:
        """Returns the next tokens of each answer."""
        encoded = [job.encoded for job in jobs if job.encoded is not None]
        begun = [torch.tensor([self.start, *job.written]) for job in jobs]
        ids = pad_sequence(begun, batch_first=True, padding_side="left")
        output = self.model.generate(
            encoder_outputs=BaseModelOutput(pad_sequence(encoded, batch_first=True)),
            attention_mask=mask([len(row) for row in encoded]),
            decoder_input_ids=ids,
            decoder_attention_mask=mask([len(row) for row in begun]).flip(1),
            max_new_tokens=steps,
            do_sample=False,
        )
        new: list[list[int]] = output[:, ids.shape[1] :].tolist()
        return new

    def after(self, job: Job, new: list[int]) -> list[int] | mb.Unfinished[Job]:
        """Returns the answer if it is finished, else the job that climbs."""
        written = list(job.written)
        for token in new:
            written.append(token)
            if token in self.ends or len(written) == MOST:
                return written
        return mb.Unfinished(replace(job, written=tuple(written)), progress=len(written))


def batcher(translator: Translator) -> mb.Batcher[Job, list[int]]:
    """Returns a batcher of jobs that climb from one bin to the next."""
    edges = mb.Edges([0, 8, 16, 32, MOST])
    return mb.Batcher(translator.translate, climb=True, edges=edges, batch_size=8)


def mask(lengths: list[int]) -> Tensor:
    """Returns ones for the first `length` places of each row."""
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


def main() -> None:
    """Prints the lengths of 32 answers."""
    tokenizer, translator = small.tokenizer(), Translator(small.encoder_decoder())
    jobs = [Job(tokenizer(text).input_ids) for text in small.texts(32, median=12, high=64)]
    with batcher(translator) as translate:
        print("tokens:", *(len(answer) for answer in translate.map(jobs)))


if __name__ == "__main__":
    main()
