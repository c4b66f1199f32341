"""Reward models: a language model, or what its head reads, found, checked and loaded.

- ``load`` decides by the format's head; ``_parts`` takes a model object apart.
- ``_checkpoint`` loads a folder, ``_tensors`` reads names and weights of its files.
- ``_heads`` finds and widens heads, ``_probe`` runs a few tokens to check what was found.
"""

from multibin.reward._load.load import Loaded, load_reward

__all__ = ["Loaded", "load_reward"]
