"""Stands for a model, where an example is about the server around it."""

import time


def model(texts: list[str]) -> list[str]:
    """Returns texts in capitals. It takes as long as the longest, and fails if one is empty."""
    time.sleep(max(map(len, texts), default=0) / 1000)
    if "" in texts:
        raise ValueError("a text must not be empty")
    return [text.upper() for text in texts]
