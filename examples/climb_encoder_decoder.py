"""Runs an encoder-decoder whose finished rows are answered while the others climb.

    python -m examples.climb_encoder_decoder

A plain batch answers all rows when its longest one ends. Here the decoder stops at the edge of the
rows' bin. Rows that are finished by then are answered, and the others climb. They keep what the
encoder made of their sources, so each source is encoded once.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput

import multibin as mb
from examples import small
from examples._small.ends import Ends

MOST = 64  # The most tokens of an answer.


@dataclass(frozen=True)
class Job:
    """What the encoder made of a source, and the answer as far as it is written."""

    encoded: Tensor
    written: list[int] = field(default_factory=list)


class Translator:
    """Answers sources greedily with a T5, whose relative positions allow padding on the left."""

    def __init__(self, model: Any) -> None:
        self.model, self.ends = model, Ends(model, MOST)

    @torch.inference_mode()
    def encode(self, sources: list[list[int]]) -> list[Job]:
        """Encodes a batch of sources."""
        ids = pad_sequence([torch.tensor(source) for source in sources], batch_first=True)
        output = self.model.get_encoder()(input_ids=ids, attention_mask=mask(sources))
        rows = zip(output.last_hidden_state, sources, strict=True)
        return [Job(row[: len(source)]) for row, source in rows]

    @torch.inference_mode()
    def decode(self, jobs: list[Job], limit: int | None) -> list[list[int] | mb.Unfinished[Job]]:
        """Writes at most `limit` tokens of each answer."""
        encoded = [job.encoded for job in jobs]
        start = self.model.config.decoder_start_token_id
        begun = [torch.tensor([start, *job.written]) for job in jobs]
        ids = pad_sequence(begun, batch_first=True, padding_side="left")
        output = self.model.generate(
            encoder_outputs=BaseModelOutput(pad_sequence(encoded, batch_first=True)),
            attention_mask=mask(encoded),
            decoder_input_ids=ids,
            decoder_attention_mask=mask(begun).flip(1),
            max_new_tokens=min(limit or MOST, max(MOST - len(job.written) for job in jobs)),
            do_sample=False,
        )
        new = output[:, ids.shape[1] :].tolist()
        return [self.after(job, row) for job, row in zip(jobs, new, strict=True)]

    def after(self, job: Job, new: list[int]) -> list[int] | mb.Unfinished[Job]:
        """Returns the answer if it is finished, else the job that climbs."""
        written, finished = self.ends.cut(job.written + new)
        return written if finished else mb.Unfinished(replace(job, written=written), len(written))


def mask(rows: list[Any]) -> Tensor:
    """Returns ones for the places of each row, and zeros behind it."""
    return pad_sequence([torch.ones(len(row), dtype=torch.long) for row in rows], batch_first=True)


def decoder(translator: Translator) -> mb.Batcher[Job, list[int]]:
    """Returns a batcher of jobs that climb from one bin to the next."""
    edges = mb.Edges([0, 8, 16, 32, MOST])
    return mb.Batcher(translator.decode, climb=True, edges=edges, batch_size=8)


def translate(translator: Translator, sources: list[list[int]]) -> list[list[int]]:
    """Returns the answers in the order of the sources."""
    encoder = mb.Batcher(translator.encode, length=len, batch_size=8)
    with encoder as encode, decoder(translator) as decode:
        return [*decode.map(encode.map(sources))]


def main() -> None:
    """Prints the lengths of 32 answers."""
    tokenizer, translator = small.tokenizer(), Translator(small.encoder_decoder())
    sources = [tokenizer(text).input_ids for text in small.texts(32, median=12, high=64)]
    print("tokens:", *map(len, translate(translator, sources)))


if __name__ == "__main__":
    main()
