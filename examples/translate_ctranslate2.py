"""Translates with CTranslate2, which takes no new row into a running batch: like lengths together.

    python -m examples.translate_ctranslate2 [FOLDER]

FOLDER has an encoder-decoder of transformers. Without it a small random T5 is converted.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path

import ctranslate2

import multibin as mb
from examples import small


class Translator:
    """Converts a model and translates with it; the tokens of a source are its length."""

    def __init__(self, folder: Path) -> None:
        with tempfile.TemporaryDirectory() as converted:
            ctranslate2.converters.TransformersConverter(str(folder)).convert(converted, force=True)
            self.model = ctranslate2.Translator(converted, intra_threads=1)

    def close(self) -> None:
        """Waits until every source is translated, and ends the worker thread."""
        self.translate.close()

    @mb.batch(length=len, batch_size=16)
    def translate(self, sources: list[list[str]]) -> list[list[str]]:
        """Returns the best hypothesis of each source."""
        results = self.model.translate_batch(sources, beam_size=1, max_decoding_length=32)
        return [result.hypotheses[0] for result in results]


def save_random_model(folder: Path) -> Path:
    """Saves a small random T5 with its tokenizer and returns the folder."""
    small.encoder_decoder().float().save_pretrained(folder)
    small.tokenizer().save_pretrained(folder)
    return folder


def main() -> None:
    """Prints the first translations of a corpus."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else save_random_model(Path(scratch))
        translator = Translator(folder)
    sources = [[*text.split(), "</s>"] for text in small.texts(64, median=12, high=64)]
    with closing(translator):
        for target in [*translator.translate.map(sources)][:4]:
            print(*target)


if __name__ == "__main__":
    main()
