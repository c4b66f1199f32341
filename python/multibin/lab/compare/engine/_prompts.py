"""The built-in prompts: 64 questions whose answers have from a few tokens to hundreds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["PROMPTS", "SHOWN", "mixed"]

ONE_WORD = (
    "What is the capital of France?",
    "What is the capital of Japan?",
    "What is the capital of Italy?",
    "What is the capital of Spain?",
    "What is the capital of Egypt?",
    "What is the capital of Canada?",
    "What is the opposite of hot?",
    "What is the opposite of big?",
    "What is the opposite of early?",
    "Which animal says meow?",
    "Which animal says woof?",
    "Which fruit is yellow and long?",
    "Which day comes after Monday?",
    "Which language is spoken in Brazil?",
    "Which planet has rings?",
    "What do bees make?",
)

SUMS = (
    "2 + 3",
    "4 + 5",
    "7 + 6",
    "10 + 15",
    "20 + 22",
    "1 + 1",
    "9 + 8",
    "5 + 5",
    "3 + 3",
    "6 + 2",
    "11 + 11",
    "8 + 4",
)

IN_FRENCH = (
    "good morning",
    "thank you",
    "good night",
    "hello",
    "yes",
    "the cat",
    "I love you",
    "how are you?",
)

LISTS = (
    "List five fruits.",
    "List three colours.",
    "List five animals of the sea.",
    "List five musical instruments.",
    "List the seven days of the week.",
    "List five things to pack for the beach.",
    "List three planets.",
    "List three vegetables.",
)

IN_ONE_SENTENCE = (
    "why the sky is blue",
    "how a bicycle stays upright",
    "what a rainbow is",
    "how bread is made",
    "why leaves change colour in autumn",
)

IN_THREE_SENTENCES = (
    "how the moon causes tides",
    "what a computer program is",
    "how birds fly",
    "why we sleep",
    "how plants make food",
)

STORIES = (
    "a dragon who is afraid of fire",
    "a lost kite",
    "two friends and an old map",
)

STORIES_OF_TWO_SENTENCES = (
    "a robot that learns to paint",
    "a cat who travels by train",
    "a clock that runs backwards",
    "a baker and a hungry giant",
)

STORIES_OF_ONE_SENTENCE = (
    "a lighthouse in a storm",
    "the last tree in a city",
    "a message in a bottle",
)

PROMPTS = (
    *(f"{question} Answer with one word." for question in ONE_WORD),
    *(f"What is {numbers}?" for numbers in SUMS),
    *(f'Say "{words}" in French.' for words in IN_FRENCH),
    *LISTS,
    *(f"Explain in one sentence {thing}." for thing in IN_ONE_SENTENCE),
    *(f"Explain in three sentences {thing}." for thing in IN_THREE_SENTENCES),
    *(f"Write a story about {thing}." for thing in STORIES),
    *(f"Explain in two sentences the story of {thing}." for thing in STORIES_OF_TWO_SENTENCES),
    *(f"Tell a story of one sentence about {thing}." for thing in STORIES_OF_ONE_SENTENCE),
)
"""16 answers of one word, 12 sums, 8 translations, 8 lists, 10 explanations, 10 stories."""

SHOWN = (PROMPTS[0], PROMPTS[28], PROMPTS[36], PROMPTS[44], PROMPTS[54])
"""Prompts whose answers are printed, one of most kinds."""


def mixed(prompts: Sequence[str]) -> list[str]:
    """Returns the prompts in the order of their arrival, which mixes their kinds.

    >>> from multibin.lab.compare.engine._prompts import PROMPTS, mixed
    >>> len(mixed(PROMPTS)), set(mixed(PROMPTS)) == set(PROMPTS)
    (64, True)
    """
    order = np.random.default_rng(0).permutation(len(prompts))
    return [prompts[index] for index in order]
