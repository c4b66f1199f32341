"""Small models with random weights and texts of unlike length, for examples that are given none."""

from examples._small.models import causal_model, classifier, encoder_decoder
from examples._small.words import WORDS, texts, tokenizer

__all__ = ["WORDS", "causal_model", "classifier", "encoder_decoder", "texts", "tokenizer"]
