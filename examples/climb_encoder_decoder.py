"""Runs an encoder-decoder whose finished rows are answered while the others climb.

    python -m examples.climb_encoder_decoder

A plain batch answers all rows when its longest one ends. Here the decoder stops at the edge of the
rows' bin. Rows that are finished by then are answered, and the others climb. They keep what the
encoder made of their sources, so each source is encoded once.
"""

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput

import multibin as mb
from examples import small
from examples._small.written import MOST, Text

model, tokenizer = small.encoder_decoder(), small.tokenizer()


@mb.batch(length=len, batch_size=8)
@torch.no_grad()
def encode(sources: list[list[int]]) -> list[Text]:
    """Encodes sources. Each begins an answer without tokens."""
    batch = tokenizer.pad({"input_ids": sources}, return_tensors="pt")
    states = model.get_encoder()(**batch).last_hidden_state
    return [Text(row[: len(source)]) for row, source in zip(states, sources, strict=True)]


@mb.batch(climb=True, edges=mb.Edges([0, 8, 16, 32, MOST]), batch_size=8)
def decode(texts: list[Text], limit: int | None) -> list[list[int] | mb.Unfinished[Text]]:
    """Writes at most `limit` tokens of each answer."""
    states = [text.source for text in texts]
    rows = [[model.config.decoder_start_token_id, *text.written] for text in texts]
    # The relative positions of a T5 allow padding on the left.
    begun = tokenizer.pad({"input_ids": rows}, padding_side="left", return_tensors="pt")
    output = model.generate(
        encoder_outputs=BaseModelOutput(pad_sequence(states, batch_first=True)),
        attention_mask=pad_sequence([torch.ones(len(row)) for row in states], batch_first=True),
        decoder_input_ids=begun.input_ids,
        decoder_attention_mask=begun.attention_mask,
        max_new_tokens=limit or max(MOST - len(text.written) for text in texts),
        do_sample=False,
    )
    new = output[:, begun.input_ids.shape[1] :].tolist()
    longer = [text.plus(row, model) for text, row in zip(texts, new, strict=True)]
    return [t.written if t.finished else mb.Unfinished(t, len(t.written)) for t in longer]


def main() -> None:
    """Prints the lengths of 32 answers."""
    sources = [tokenizer(text).input_ids for text in small.texts(32, median=12, high=64)]
    print("tokens:", *map(len, decode.map(encode.map(sources))))


if __name__ == "__main__":
    main()
