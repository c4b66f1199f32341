"""Where the text of a model ends."""

from typing import Any


class Ends:
    """Cuts what `generate` writes behind the first token that ends a text."""

    def __init__(self, model: Any, most: int) -> None:
        ends = model.generation_config.eos_token_id
        self.tokens = set(ends if isinstance(ends, list) else [ends])
        self.most = most

    def cut(self, tokens: list[int]) -> tuple[list[int], bool]:
        """Returns the tokens of the text, at most `most`, and whether it is finished."""
        for place, token in enumerate(tokens[: self.most]):
            if token in self.tokens or place + 1 == self.most:
                return tokens[: place + 1], True
        return tokens, False
