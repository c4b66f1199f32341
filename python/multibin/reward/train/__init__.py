"""Training of reward models on labelled steps: files in, weights and a history out."""

from multibin.reward.train._examples import Example
from multibin.reward.train._history import History, Validation
from multibin.reward.train._read import read_examples
from multibin.reward.train._settings import LoRA
from multibin.reward.train._train import train

__all__ = ["Example", "History", "LoRA", "Validation", "read_examples", "train"]
