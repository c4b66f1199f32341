"""A reward model: scores of the steps of candidates."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Self, TypedDict

import torch
from tqdm import tqdm

# The whole engine, so that this waits for a thread that imports it: transformers cannot be
# imported by two threads at the same time.
import multibin.llm  # noqa: F401
from multibin._args import boolean, integer, sentence
from multibin.batcher import Batcher
from multibin.errors import ClosedError
from multibin.llm._load.models import ModelSource
from multibin.llm._load.tokenizers import TokenizerSource, find_tokenizer, resolve_tokenizer
from multibin.reward._arguments import as_group, as_groups, as_pair, shaped
from multibin.reward._formats import Encoded, Format, columns, format_of
from multibin.reward._load import Loaded, load_reward
from multibin.reward._reader import Reader, Row, Scores
from multibin.reward._scorer.probe import try_out
from multibin.reward._scorer.readout import (
    HeadReadout,
    Readout,
    VocabularyReadout,
    WholeReadout,
)
from multibin.reward._scorer.scorer import Scorer

PASS_TOKENS, PASS_TOKENS_CPU = 16384, 2048
"""The most tokens of a pass. On a CPU larger ones do not stay in its caches."""

WINDOW = 64
"""The most passes whose tokens are read ahead of what is computed."""


class RewardStats(TypedDict):
    """What a reward model has scored, and what it took."""

    candidates: int
    steps: int
    tokens: int
    """Of all candidates, each with its question."""
    computed_tokens: int
    """Tokens that ran, with padding: fewer than `tokens` where beginnings are shared."""
    passes: int
    cached_bytes: int
    """Keys and values that are kept between calls."""
    way: str
    """"packed", "padded" or "one at a time"."""


class RewardModel:
    """Scores the steps of candidates: a process reward model, an outcome model or a verifier.

    What candidates share at their beginning, such as the question, is computed once. Values are
    read at the ends of steps alone, in at least float32. All methods may be called from any thread.

    >>> from multibin import RewardModel
    >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
    >>> model = RewardModel(tiny_model(), ByteTokenizer())
    >>> scores = model.score("1 + 1?", ["1 + 1 = 2\\n\\nSo 2.", ["I do not know."]])
    >>> [len(steps) for steps in scores]
    [2, 1]

    Args:
        model: a folder, a hub id, or a model object with the head that the format needs.
        tokenizer: None: that of the model's folder.
        format: what the model reads; a name such as "versaprm", or a `Format`.
        max_tokens: the most tokens of a pass; None: 16,384 on a GPU, 2,048 on a CPU.
        cache_memory: bytes of keys and values that are kept between calls, so that a longer
            candidate is computed from where an earlier one ended. 0: none. After a change of the
            model's weights call `forget`.
        share: whether what several candidates begin with is computed once.
        gguf_file: a GGUF file in the folder `model`.
        device: None: a model object stays where it is; a loaded one goes to CUDA if there is one.
        dtype: None or "auto": that of the checkpoint or the model.
        trust_remote_code: whether code in the folder of the model may run.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, or nothing loads from `model`. The model lacks what
            the format reads, or the tokenizer makes several tokens of a label.
    """

    def __init__(
        self,
        model: ModelSource,
        tokenizer: TokenizerSource | None = None,
        *,
        format: str | Format = "versaprm",
        max_tokens: int | None = None,
        cache_memory: int = 0,
        share: bool = True,
        gguf_file: str | os.PathLike[str] | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self.format = format_of(format)
        if max_tokens is not None:
            integer("max_tokens", max_tokens, 1)
        memory = integer("cache_memory", cache_memory)
        trust = {"trust_remote_code": boolean("trust_remote_code", trust_remote_code)}
        boolean("share", share)
        choice = None if tokenizer is None else resolve_tokenizer(tokenizer, **trust)
        loaded = load_reward(
            model, self.format, device=device, dtype=dtype, gguf_file=gguf_file, **trust
        )
        choice = choice or find_tokenizer(model, gguf_file=gguf_file, **trust)
        self.tokenizer = choice.tokenizer
        self._missing = choice.missing
        self.model = loaded.model.module
        with torch.inference_mode():
            ways = try_out(loaded.model, self._readout(loaded), is_causal=loaded.is_causal)
        self.context = ways.model.context
        """The most tokens that the model can be fed: a question with a candidate."""
        if ways.model.shortened:
            warnings.warn(ways.model.shortened, UserWarning, stacklevel=2)
        self._reader = Reader(self.format, self.tokenizer, self.context, loaded.model.vocabulary)
        cpu = loaded.model.device.type == "cpu"
        self.max_tokens = max_tokens or (PASS_TOKENS_CPU if cpu else PASS_TOKENS)
        """The most tokens of a pass."""
        self._scorer = Scorer(ways, max_tokens=self.max_tokens, memory=memory, share=share)
        self._batcher: Batcher[list[Encoded], list[Any]] | None = None
        self._closed = False
        self._making = Lock()

    def _readout(self, loaded: Loaded) -> Readout:
        if loaded.head is not None:
            return HeadReadout(loaded.head)
        if self.format.head != "vocabulary":
            return WholeReadout()
        if self.tokenizer is None:
            raise ValueError(f"{sentence('tokenizer', 'given', None)}{self._missing}")
        return VocabularyReadout(loaded.model, columns(self.format, self.tokenizer))

    def score(self, questions: Any, candidates: Any, *, use_tqdm: bool = False) -> list[Any]:
        """Returns one score a step for each candidate, in the order of the arguments.

        A candidate is a text, which the separator of the format parts into steps (a blank line), or
        the list of its steps. A text may be given as token ids.

        >>> from multibin import RewardModel
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> model = RewardModel(tiny_model(), ByteTokenizer())
        >>> one, other = model.score(["1 + 1?", "2 + 2?"], [["2", "3"], ["4"]])
        >>> len(one), len(other), one[0].shape
        (2, 1, (1,))

        Args:
            questions: a question, or a list of them.
            candidates: the candidates of the question, or such a list for each question. Instead of
                a list with one text, the text alone.
            use_tqdm: whether to show a progress bar.

        Returns:
            for one question a list of arrays, [steps], one a candidate. For a list of questions a
            list of such lists; where a text stood alone, its array alone.

        Raises:
            TypeError: a question or candidate is neither text, steps nor ids.
            ValueError: another number of lists of candidates than of questions, or a question
                without candidates. A blank step, more tokens than the context, or values that are
                not finite. The message names the candidate.
        """
        boolean("use_tqdm", use_tqdm)
        groups = self._groups(questions, candidates)
        found: list[list[Scores]] = []
        with tqdm(total=len(groups), disable=not use_tqdm, desc="questions") as bar:
            for window in self._windows(groups):
                found += self._scored(window)
                bar.update(len(window))
        return shaped(questions, candidates, found)

    def iter_scores(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[list[Scores]]:
        """Yields the scores of the candidates of each question, in order, as they are computed.

        Args:
            pairs: questions, each with its list of candidates. It is read ahead by one pass at
                first, then by twice as many, up to 64.

        >>> from multibin import RewardModel
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> model = RewardModel(tiny_model(), ByteTokenizer())
        >>> pairs = ((f"{n} + 1?", [f"{n + 1}"]) for n in range(3))
        >>> [len(scores) for scores in model.iter_scores(pairs)]
        [1, 1, 1]

        Raises:
            TypeError, ValueError: as `score` does, when the question at fault is reached. What was
                read before it has been yielded.
        """
        windows = self._windows(self._read(pairs), first=1)
        while True:
            # What was read before an error is computed first.
            window = next(windows, None)
            if window is None:
                return
            yield from self._scored(window)

    async def ascore(self, question: Any, candidates: Any) -> list[Any]:
        """Returns what `score` returns. Calls of many tasks share passes.

        The model runs in a thread of its own until `close`, and tokens are made in threads of the
        loop's executor.

        >>> import asyncio
        >>> from multibin import RewardModel
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> async def main():
        ...     async with RewardModel(tiny_model(), ByteTokenizer()) as model:
        ...         tasks = [model.ascore(f"{n} + 1?", [f"{n + 1}"]) for n in range(3)]
        ...         return [scores[0].shape for scores in await asyncio.gather(*tasks)]
        >>> asyncio.run(main())
        [(1,), (1,), (1,)]

        Raises:
            TypeError, ValueError: as `score` does.
            ClosedError: the model is closed.
        """
        batcher = self._running()
        # Tokens are made in a thread too, as a long text would keep the loop busy.
        groups = await asyncio.to_thread(self._groups, question, candidates)
        inputs = [[row.encoded for row in rows] for rows in groups]
        logits = await asyncio.gather(*map(batcher, inputs))
        found = await asyncio.to_thread(self._all_read_out, groups, logits)
        return shaped(question, candidates, found)

    def _running(self) -> Batcher[list[Encoded], list[Any]]:
        """Returns the batcher of `ascore`, which starts with its first call."""
        with self._making:
            if self._closed:
                raise ClosedError("RewardModel.ascore is closed")
            if self._batcher is None:
                self._batcher = Batcher(
                    self._scorer, length=_tokens, on_full="wait", name="RewardModel.ascore"
                )
            return self._batcher

    def _read(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[list[Row]]:
        for at, pair in enumerate(pairs):
            question, candidates = as_pair(f"pairs[{at}]", pair)
            group = as_group(question, candidates, f"questions[{at}]", f"candidates[{at}]")
            yield self._reader.rows(group)

    def _groups(self, questions: Any, candidates: Any) -> list[list[Row]]:
        return [self._reader.rows(group) for group in as_groups(questions, candidates)]

    def _windows(
        self, groups: Iterable[list[Row]], first: int = WINDOW
    ) -> Iterator[list[list[Row]]]:
        """Yields groups that are computed together; an error in `groups` comes behind them.

        `first` is how many passes the first window fills; each next one fills twice as many.
        """
        window: list[list[Row]] = []
        size = room = first * self.max_tokens
        error: Exception | None = None
        try:
            for rows in groups:
                window.append(rows)
                room -= _tokens([row.encoded for row in rows])
                if room <= 0:
                    yield window
                    size = min(2 * size, WINDOW * self.max_tokens)
                    window, room = [], size
        except Exception as one:
            error = one
        if window:
            yield window
        if error is not None:
            raise error

    def _scored(self, window: Sequence[list[Row]]) -> list[list[Scores]]:
        return self._all_read_out(window, self._logits(window))

    def _logits(self, window: Sequence[list[Row]]) -> list[list[Any]]:
        return self._scorer([[row.encoded for row in rows] for rows in window])

    def _all_read_out(
        self, groups: Sequence[list[Row]], logits: Sequence[Any]
    ) -> list[list[Scores]]:
        return [self._read_out(rows, one) for rows, one in zip(groups, logits, strict=True)]

    def _read_out(self, rows: list[Row], logits: list[Any]) -> list[Scores]:
        return [self._reader.scores(row, one) for row, one in zip(rows, logits, strict=True)]

    def forget(self) -> None:
        """Drops the keys and values that are kept between calls: the weights have changed.

        >>> from multibin import RewardModel
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> model = RewardModel(tiny_model(), ByteTokenizer(), cache_memory=2**20)
        >>> _ = model.score("1 + 1?", ["2"])
        >>> model.stats()["cached_bytes"] > 0
        True
        >>> model.forget()
        >>> model.stats()["cached_bytes"]
        0
        """
        self._scorer.forget()

    def stats(self) -> RewardStats:
        """Returns what was scored since the model was made, and what it took.

        >>> from multibin import RewardModel
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> model = RewardModel(tiny_model(), ByteTokenizer())
        >>> _ = model.score("How much is 1 + 1? Think first.", ["2", "3"])
        >>> stats = model.stats()
        >>> stats["candidates"], stats["computed_tokens"] < stats["tokens"]
        (2, True)
        """
        work, ways = self._scorer.work, self._scorer.ways
        return {**vars(work), "way": ways.name}  # type: ignore[typeddict-item]

    def close(self, timeout: float | None = None) -> None:
        """Ends the thread of `ascore`, when its callers have their scores; `score` runs on.

        >>> from multibin import RewardModel
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> RewardModel(tiny_model(), ByteTokenizer()).close()

        Args:
            timeout: seconds after which the remaining callers get `ClosedError`; None: no limit.
        """
        if (batcher := self._ended()) is not None:
            batcher.close(timeout)

    async def aclose(self, timeout: float | None = None) -> None:
        """Does what `close` does, in a task."""
        if (batcher := self._ended()) is not None:
            await batcher.aclose(timeout)

    def _ended(self) -> Batcher[list[Encoded], list[Any]] | None:
        """Refuses further calls of `ascore`, and returns its batcher, None if it never ran."""
        with self._making:
            self._closed = True
            return self._batcher

    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("a RewardModel cannot be copied or pickled: make one in each process")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _tokens(group: Sequence[Encoded]) -> int:
    return sum(len(row.ids) for row in group)
