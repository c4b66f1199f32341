"""
The scheduler, in Rust.
"""

from collections.abc import Coroutine, Generator, Sequence
from multibin.stats import Stats
from numpy import float64, uint32, uint64
from numpy.typing import ArrayLike, NDArray
from os import PathLike
from typing import Any, Final, Literal, SupportsFloat, SupportsIndex, final
from typing_extensions import disjoint_base

__all__ = ["Adapt", "Awaitable", "Baseline", "Batch", "Call", "Caller", "Edges", "Future", "Gate", "Inbox", "Limit", "Recording", "Rows", "Scheduler", "SchedulerConfig", "Turn", "Worker", "bins", "flush_recordings", "recording", "simulate"]

@final
class Adapt:
    """
    Adapts a scheduler to the finished requests that ``Scheduler.observe`` reports.

    Edges are fitted to the last ``window`` requests, more often before 5,000 are known.
    ``Edges.optimal`` with ``actual`` fits them. ``Edges.feedback`` does where requests climb and
    nothing is predicted (all 0), or the gate is closed.

    Drift starts another fit, to later requests alone: the requests since the last fit differ from
    its own. The two-sample test of Kolmogorov and Smirnov decides, on predicted and actual lengths.

    One half of the window is fitted to. On the other half, other edges must gain a share of
    ``hysteresis`` in throughput; then they are swapped in.

    The gate looks again after an eighth of its window, at least 100 requests, and drift is looked
    for every 500th request. A look takes up to 3 ms. Edges are fitted on a thread of their own.
    The logger ``multibin`` logs changes at level ``INFO``. The ``observe`` that changed the gate
    logs that; the first one after a swap of edges logs the swap.

    Args:
        every: requests between two fits.
        window: the last requests, to which edges are fitted.
        bins: the most bins of fitted edges. ``None``: the scheduler's ``max_bins``.
        gate: let a ``Gate`` watch the predictions. While it is closed, new requests go to the
            first bin; edges that are swapped meanwhile are in use when it opens.
        edges: fit edges.
        hysteresis: the share of throughput that other edges must gain.
        overhead: the cost of a move and of a batch's fixed part, in steps, for
            ``Edges.feedback``.

    Raises:
        ValueError: a value is out of range, or neither ``gate`` nor ``edges`` is true.
        TypeError: an argument has a wrong type.

    >>> adapt = Adapt(bins=8, hysteresis=0.05)
    >>> scheduler = Scheduler(Edges.uniform(0, 100, 4), 8, adapt=adapt)
    >>> scheduler.observe([10, 20], [12, 18])
    >>> scheduler.stats()["edges"]["swaps"]
    0
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __getnewargs_ex__(self, /) -> "tuple[tuple[()], dict[str, object]]":
        """
        Pickles and copies by value.
        """
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, /, *, every: "int" = 5000, window: "int" = 20000, bins: "int | None" = None, gate: "bool" = True, edges: "bool" = True, hysteresis: "float" = 0.02, overhead: "float" = 2.0) -> Adapt: ...
    def __repr__(self, /) -> str: ...

@final
class Awaitable:
    """
    Waits in an event loop, as a coroutine. Await it once.

    It acts when the loop resumes it and not before. Cancelled, it has done nothing, and a wake-up
    that it did not answer goes to another waiter.

    >>> import asyncio
    >>> drain = Scheduler(Edges([0, 16]), 8).drain_async()
    >>> drain
    <Scheduler.drain_async: not awaited yet>
    >>> asyncio.run(drain)
    """
    def __await__(self, /) -> Generator[Any, Any, Any]: ...
    def __iter__(self, /) -> Awaitable: ...
    @property
    def __name__(self, /) -> str:
        """
        The name of the method that made it, as a coroutine function has it.
        """
    def __next__(self, /) -> Any: ...
    @property
    def __qualname__(self, /) -> str:
        """
        The name of the method that made it, with its class.
        """
    def __repr__(self, /) -> str: ...
    def close(self, /) -> None:
        """
        Ends the wait.
        """
    def send(self, /, value: Any) -> Any:
        """
        Continues the coroutine; ``value`` is not used.
        """
    def throw(self, kind: Any, value: Any | None = None, traceback: Any | None = None, /) -> Any:
        """
        Ends the wait and raises the thrown exception, for example ``CancelledError``. An exception
        that another task throws does not end the wait.
        """

@final
class Baseline:
    """
    Forms batches in another way, to compare with in ``simulate``. A live scheduler never does.

    A batch leaves as soon as a server is idle and a request waits. It runs all rows to their end.
    (``continuous`` forms no batches: it refills slots.) The static methods make baselines; they
    raise ``TypeError`` for arguments of wrong types.
    ``simulate`` checks most values.

    >>> Baseline.nearest(8) == Baseline.nearest(8, light_load=True)
    True
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def continuous(rows: SupportsIndex, *, chunk: "int" = 1, order: "Literal['fifo', 'longest', 'shortest']" = "fifo") -> Baseline:
        """
        Runs continuous batching: waiting requests refill free slots of a running batch.

        Args:
            rows: the slots.
            chunk: steps between two refills.
            order: the requests that go first: the oldest (``"fifo"``), or those of the longest or
                the shortest prediction.

        Raises:
            ValueError: a number is out of range, or ``order`` is another word.
            TypeError: an argument has a wrong type.

        >>> baseline = Baseline.continuous(8, chunk=4, order="longest")
        """
    @staticmethod
    def heaviest_bin(edges: "Edges", batch_size: SupportsIndex, *, weight: "Literal['wait', 'wait squared']" = "wait squared", light_load: "bool" = True) -> Baseline:
        """
        Takes the bin with the heaviest waits, topped up from the nearest bins.

        Args:
            edges: the bins.
            batch_size: the rows of a full batch; a bin weighs as its first so many requests.
            weight: the sum of their waits, or of the squares of these.
            light_load: let the oldest leave together while fewer than 1.6 batches wait.

        Raises:
            ValueError: a number is out of range, or ``weight`` is another word.
            TypeError: an argument has a wrong type.

        >>> baseline = Baseline.heaviest_bin(Edges([0, 16, 64]), 8, weight="wait")
        """
    @staticmethod
    def look_ahead(batch_size: SupportsIndex, window: SupportsIndex) -> Baseline:
        """
        Takes the oldest request and the nearest lengths among the ``window`` oldest.

        >>> baseline = Baseline.look_ahead(8, window=64)
        """
    @staticmethod
    def nearest(batch_size: SupportsIndex, *, light_load: "bool" = True) -> Baseline:
        """
        Takes the oldest request and the nearest lengths of all that wait, without bins.

        With ``light_load``, the oldest leave together while fewer than 1.6 batches wait, as in the
        scheduler.

        >>> baseline = Baseline.nearest(8, light_load=False)
        """
    @staticmethod
    def shortest_first(batch_size: SupportsIndex, patience: "int" = 200) -> Baseline:
        """
        Takes the shortest predictions first; a request that ``patience`` batches passed over goes
        before the others (Learning to Rank, arXiv 2408.15792).

        >>> baseline = Baseline.shortest_first(8, patience=100)
        """
    @staticmethod
    def sorted_window(window: SupportsIndex, sizes: Sequence[tuple[SupportsIndex, SupportsIndex]] | None = None) -> Baseline:
        """
        Sorts the ``window`` oldest requests by predicted length and cuts them into batches
        (Sequence Scheduling, arXiv 2305.13144).

        Args:
            window: how many requests are sorted.
            sizes: pairs of an upper length and the batch size up to it. ``None``: the variable
                batch sizes of the paper.

        Raises:
            ValueError: a number is out of range.
            TypeError: an argument has a wrong type.

        >>> baseline = Baseline.sorted_window(64, [(100, 32), (2**31, 8)])
        """

@final
class Batch:
    """
    Leases requests to a worker, to run together. The lease ends by ``done()``, or at the end of
    ``with batch:``.

    A batch that is dropped before its end counts its rows as lost, with a ``ResourceWarning``. It
    keeps its worker alive.

    >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    >>> first = scheduler.submit_many([7, 8], [5, 6])
    >>> with scheduler.worker().next_batch(0) as batch:
    ...     batch.keys.tolist(), batch.reason
    ([7, 8], 'light_load')
    """
    def __enter__(self, /) -> Batch: ...
    def __exit__(self, /, kind: Any | None = None, value: Any | None = None, traceback: Any | None = None) -> None:
        """
        Finishes the batch; if the body raised, its rows count as lost. In a forked child it does
        nothing, so that the exception of the block propagates.
        """
    def __len__(self, /) -> int: ...
    def __repr__(self, /) -> str: ...
    @property
    def ages(self, /) -> NDArray[float64]:
        """
        The seconds since each row arrived, shape ``[rows]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     bool(batch.ages[0] >= batch.waits[0])
        True
        """
    @property
    def bin(self, /) -> int:
        """
        The bin of the leading request.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.bin
        0
        """
    @property
    def costs(self, /) -> NDArray[uint32]:
        """
        The cost of each row, shape ``[rows]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.costs.tolist()
        [5]
        """
    def done(self, /) -> None:
        """
        Ends the lease: all rows are finished, except those that were resubmitted. A second call
        does nothing.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> scheduler.worker().next_batch(0).done()
        >>> scheduler.stats()["done"]
        1
        """
    @property
    def expired(self, /) -> NDArray[uint64]:
        """
        The keys of requests whose ``ttl`` ended before they started, shape ``[n]``.

        Each is reported once: by the next batch, by a batch without rows, or by
        ``Scheduler.expired``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5, ttl=0)
        >>> scheduler.worker().next_batch(0).expired.tolist()
        [7]
        """
    @property
    def expired_tickets(self, /) -> NDArray[uint64]:
        """
        The tickets of the expired requests, shape ``[n]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5, ttl=0)
        >>> scheduler.worker().next_batch(0).expired_tickets.tolist() == [ticket]
        True
        """
    @property
    def keys(self, /) -> NDArray[uint64]:
        """
        The callers' keys, shape ``[rows]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.keys.tolist()
        [7]
        """
    @property
    def lengths(self, /) -> NDArray[uint32]:
        """
        The predicted steps of each row since its arrival, shape ``[rows]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.lengths.tolist()
        [5]
        """
    @property
    def limit(self, /) -> int | None:
        """
        The most steps that a row may run in this batch; ``None``: until it is finished. With
        ``overrun="recompute"`` they count from the first step, and may be fewer than ``progress``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     print(batch.limit)
        None
        """
    def observe(self, /, actual: ArrayLike, *, rows: ArrayLike | None = None, prompt_tokens: ArrayLike | None = None) -> None:
        """
        Reports the steps that finished rows took: to ``adapt``, as ``Scheduler.observe`` does, and
        to the recording. Report rows that climb once they are finished.

        Args:
            actual: the steps of each row since its arrival, shape ``[n]``.
            rows: positions in this batch, shape ``[n]``, or a bool mask; ``None``: all rows.
            prompt_tokens: the tokens of their prompts, for the recording, shape ``[n]``.

        Raises:
            ValueError: a position is wrong, or the shapes differ.
            TypeError: an array has a wrong dtype.
            RuntimeError: the batch is done.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.observe([6])
        """
    @property
    def progress(self, /) -> NDArray[uint32]:
        """
        The steps done since arrival, shape ``[rows]``; 0 for a row that was never resubmitted.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.progress.tolist()
        [0]
        """
    @property
    def reason(self, /) -> Literal["light_load", "overdue", "full", "elastic", "drain", "expired"]:
        """
        Why the batch left: ``"light_load"``, ``"overdue"``, ``"full"``, ``"elastic"``, ``"drain"``,
        or ``"expired"`` without rows.

        >>> scheduler = Scheduler(Edges([0, 16]), 2)
        >>> first = scheduler.submit_many([7, 8, 9, 10], [5, 6, 7, 8])
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.reason
        'full'
        """
    def resubmit(self, /, rows: ArrayLike, progress: ArrayLike, *, anywhere: "bool" = False) -> None:
        """
        Resubmits unfinished rows, which climb.

        Each enters the bin of its length or of its ``progress``, whichever is higher, behind those
        that wait there. The capacity never refuses it.

        Args:
            rows: distinct positions in this batch, or a bool mask, shape ``[rows]``.
            progress: the steps done since arrival, one for each resubmitted row, and at least the
                ``progress`` that it had before. It may be the same: the row was not run, or began
                again. Nothing ends a row that never makes one more step.
            anywhere: let any worker take them, not only the worker of this batch.

        Raises:
            ValueError: a position is wrong, a row is named twice, or a progress is less than
                before. Nothing is resubmitted then.
            TypeError: an array has a wrong dtype.
            RuntimeError: the batch is done.

        >>> scheduler = Scheduler(Edges([0, 16, 64]), 8, overrun="climb")
        >>> worker, ticket = scheduler.worker(), scheduler.submit(7, 5)
        >>> with worker.next_batch(0) as batch:
        ...     batch.resubmit([0], [batch.limit])
        >>> with worker.next_batch(0) as batch:
        ...     batch.bin, batch.progress.tolist()
        (1, [16])
        """
    @property
    def tickets(self, /) -> NDArray[uint64]:
        """
        The tickets that ``submit`` returned, shape ``[rows]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     batch.tickets.tolist() == [ticket]
        True
        """
    @property
    def waits(self, /) -> NDArray[float64]:
        """
        The seconds that each row waited since it last entered a queue, shape ``[rows]``.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(0) as batch:
        ...     bool(batch.waits[0] >= 0)
        True
        """

@final
class Call(Future):
    """
    Is the future that a batched function returns: ``asyncio.create_task`` and ``asyncio.run`` take
    it for a coroutine.

    Like a coroutine, and unlike another ``Future``, it is refused by ``asyncio.wait``.

    >>> import collections.abc
    >>> from multibin._core import Call
    >>> issubclass(Call, collections.abc.Coroutine)
    True
    """
    def close(self, /) -> None:
        """
        Does nothing: the request stays.
        """
    def send(self, /, value: Any) -> Any:
        """
        Continues the coroutine; ``value`` is not used.
        """
    def throw(self, kind: Any, value: Any | None = None, traceback: Any | None = None, /) -> Any:
        """
        Raises the thrown exception.
        """

@disjoint_base
class Caller:
    """
    Is the base of a batcher: calling it submits to an inbox.

    Until an inbox is attached, and outside the event loop that it is at home in, a call goes to the
    method ``_start(item, options)``.

    >>> from multibin._core import Caller
    >>> class Shout(Caller):
    ...     def _start(self, item, options):
    ...         return item.upper(), options
    >>> Shout()("text", priority=1)
    ('TEXT', {'priority': 1})
    """
    def __call__(self, item: Any, /, *, length: SupportsIndex | SupportsFloat | None = None, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None) -> Any:
        """
        Submits an item and returns its future, which is a coroutine too. ``Inbox.submit`` describes
        the arguments and the errors.
        """
    def __new__(cls, /, *arguments: "object", **options: "object") -> Caller: ...
    def _attach(self, /, inbox: Inbox, home: Any | None = None) -> None:
        """
        Lets calls submit to an inbox; with ``home``, only those in the thread of that event loop.
        """
    def _detach(self, /) -> None:
        """
        Lets calls go to ``_start``.
        """

@final
class Edges:
    """
    Maps each length to its bin: ``bins + 1`` increasing bounds, in steps.

    Bins are half-open, ``[bounds[i], bounds[i + 1])``. Lengths below the first bound belong to
    the first bin, and the last bin has no upper end. Bounds are rounded up to whole steps.

    Args:
        bounds: at least two increasing lengths, shape ``[bins + 1]``.

    Raises:
        ValueError: there are fewer than two bounds, they do not increase, or one is no length.
        TypeError: the dtype is not one of numbers.

    >>> edges = Edges([0, 16, 64, 256])
    >>> edges.bins, edges.bin(16), edges.bin(10_000)
    (3, 1, 2)
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __len__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, /, bounds: ArrayLike) -> Edges: ...
    def __reduce__(self, /) -> tuple[type, tuple[list[int]]]:
        """
        Pickles and copies by value.
        """
    def __repr__(self, /) -> str: ...
    def bin(self, /, length: SupportsIndex | SupportsFloat) -> int:
        """
        Returns the bin of one length, in steps.

        Raises:
            ValueError: the length is negative, infinite or NaN.
            TypeError: it is no number.

        >>> Edges([0, 16, 64]).bin(15.5)
        1
        """
    @property
    def bins(self, /) -> int:
        """
        The number of bins.

        >>> Edges([0, 16, 64]).bins
        2
        """
    @staticmethod
    def bounded(lo: SupportsIndex | SupportsFloat, hi: SupportsIndex | SupportsFloat, padding: "float" = 0.25) -> Edges:
        """
        Returns the fewest bins that pad no length from ``lo`` to ``hi`` by more than ``padding``,
        for fixed shapes.

        A bin's lengths are padded to its longest one, ``bounds[i + 1] - 1``. Of that padded length
        at most the share ``padding`` is padding. So ``edges.bounds[1:] - 1`` are the shapes, and
        the last is ``hi``. Lengths below ``lo`` are padded more; those above ``hi`` do not fit.

        Raises:
            ValueError: ``lo`` or ``hi`` is no length, or ``hi`` is not above ``lo``. Also if
                ``padding`` is not at least 0 and below 1, or needs more than 4,096 bins.
            TypeError: an argument has a wrong type.

        >>> Edges.bounded(64, 160, padding=0.25)  # Shapes of 85, 114, 153 and 160.
        Edges([64, 86, 115, 154, 161])
        """
    @property
    def bounds(self, /) -> NDArray[uint32]:
        """
        The bounds in steps, shape ``[bins + 1]``.

        >>> Edges([0, 16, 64]).bounds.tolist()
        [0, 16, 64]
        """
    @staticmethod
    def feedback(sample: ArrayLike, bins: SupportsIndex, overhead: SupportsIndex | SupportsFloat) -> Edges:
        """
        Returns at most ``bins`` levels for requests that climb from the first bin without a
        prediction.

        The bounds l minimise Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + ``overhead``). S is the survival function of
        ``sample``.

        Args:
            sample: lengths in steps, shape ``[n]``.
            bins: the most levels.
            overhead: the cost of a move and of a batch's fixed part, in steps.

        Raises:
            ValueError: the sample is empty or has a value that is no length, ``bins`` is out of
                range, or ``overhead`` is negative or not finite.
            TypeError: an argument has a wrong type.

        >>> Edges.feedback([10] * 90 + [100] * 10, bins=2, overhead=2.0)
        Edges([0, 10, 100])
        """
    @staticmethod
    def geometric(longest: SupportsIndex | SupportsFloat, bins: SupportsIndex) -> Edges:
        """
        Returns at most ``bins`` bins from 0 to ``longest`` (steps) whose bounds grow by equal
        factors: for lengths of which only the longest is known.

        Raises:
            ValueError: ``longest`` is 0 or no length, or ``bins`` is out of range.
            TypeError: an argument has a wrong type.

        >>> Edges.geometric(1000, 3)
        Edges([0, 16, 126, 1000])
        """
    @staticmethod
    def optimal(sample: ArrayLike, bins: SupportsIndex, batch_size: SupportsIndex, candidates: SupportsIndex | None = ..., *, actual: ArrayLike | None = None, monotone: "bool" = True) -> Edges:
        """
        Returns at most ``bins`` bins with the highest throughput in saturation.

        They minimise the mean over requests of E[longest of ``batch_size`` | bin] (Proposition 4.1
        of arXiv 2412.04504), by dynamic programming. Fewer distinct lengths give fewer bins. Time
        and memory grow with the number of candidates:

        | | time grows with | memory grows with |
        |---|---|---|
        | without ``actual`` | c·d | c·``bins`` |
        | with ``actual`` | c²·512, without ``monotone`` also c²·``bins`` | c·(``bins`` + 512) |

        Here c are the candidates and d the distinct lengths. 20,000 lengths take about 5 ms, and
        20,000 pairs about 15 ms. With ``candidates=None``, 20,000 distinct lengths take 1 s, and
        as many distinct predictions with ``actual`` a minute. 200,000 lengths take a minute or
        more. Ctrl-C waits until the end.

        Args:
            sample: lengths in steps, shape ``[n]``, that are known exactly when requests arrive;
                with ``actual``, predicted lengths.
            bins: the most bins.
            batch_size: the rows of a full batch.
            candidates: the most edges to choose from, at least ``bins``. Of more distinct lengths,
                the candidates are equally far apart in the sum of √(requests × gap to the next
                length). ``None``: one at each distinct length, the exact optimum of the sample.
            actual: the actual lengths of the requests of ``sample``, in steps, shape ``[n]``. Bins
                of predictions then minimise the mean of E[longest actual length of ``batch_size`` |
                bin]. At most 512 actual lengths are told apart.
            monotone: assume that longer predictions imply stochastically longer requests. For each
                x, isotonic regression estimates the shares of requests no longer than x. False: the
                shares are those of the pairs, which with few pairs for each bin fits their noise.

        Raises:
            ValueError: the sample is empty or has a value that is no length, or a number is out of
                range. Also if the arrays differ in size, or ``monotone`` is false without
                ``actual``.
            TypeError: an argument has a wrong type.

        >>> Edges.optimal([1, 2, 10, 11, 100, 101], bins=3, batch_size=4)
        Edges([1, 3, 12, 102])
        """
    @staticmethod
    def quantile(sample: ArrayLike, bins: SupportsIndex) -> Edges:
        """
        Returns bins of equal mass in ``sample`` (lengths in steps, shape ``[n]``). Ties may leave
        fewer than ``bins``.

        Raises:
            ValueError: the sample is empty or has a value that is no length, or ``bins`` is out of
                range.
            TypeError: an argument has a wrong type.

        >>> Edges.quantile(range(100), 4)
        Edges([0, 25, 50, 75, 100])
        """
    @staticmethod
    def uniform(lo: SupportsIndex | SupportsFloat, hi: SupportsIndex | SupportsFloat, bins: SupportsIndex) -> Edges:
        """
        Returns bins of equal width from ``lo`` to ``hi`` (steps), which are optimal for uniform
        lengths (Lemma 4.1 of arXiv 2412.04504). Bins without a whole length are left out.

        Raises:
            ValueError: ``lo`` or ``hi`` is no length, ``hi`` is not above ``lo``, or ``bins`` is
                out of range.
            TypeError: an argument has a wrong type.

        >>> Edges.uniform(0, 100, 4)
        Edges([0, 25, 50, 75, 100])
        """

@disjoint_base
class Future:
    """
    The future of a request, for threads and for event loops: ``await`` it in any loop, or ask for
    its ``result`` in any thread.

    It belongs to no event loop. A callback is called by the loop in whose thread it was added, or
    by the thread that ends the future. ``asyncio`` and ``concurrent.futures`` take it for theirs.

    >>> from multibin._core import Future, Inbox, Limit
    >>> scheduler = Scheduler(Edges([0, 16]), 8)
    >>> inbox = Inbox(scheduler, Limit(8), length=len)
    >>> future = inbox.submit("text")
    >>> with scheduler.worker().next_batch(0) as batch:
    ...     inbox.take(batch).answer([1.5])
    []
    >>> future.result()
    1.5
    """
    def __await__(self, /) -> Generator[Any, Any, Any]: ...
    @classmethod
    def __class_getitem__(cls, /, results: Any) -> Any:
        """
        Returns the class with the type of its results.
        """
    def __iter__(self, /) -> Future: ...
    def __next__(self, /) -> Any:
        """
        Continues a task that awaits the future.
        """
    def __repr__(self, /) -> str: ...
    @property
    def _asyncio_future_blocking(self, /) -> bool:
        """
        What tells a task to wait for the future.
        """
    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, /, blocking: bool) -> None: ...
    @property
    def _cancel_message(self, /) -> Any | None:
        """
        The message of the cancellation.
        """
    @property
    def _condition(self, /) -> Any:
        """
        The condition that ``concurrent.futures`` acquires.
        """
    def _make_cancelled_error(self, /) -> Any:
        """
        Returns the exception of the cancellation, for asyncio.
        """
    @property
    def _state(self, /) -> str:
        """
        The state's name in ``concurrent.futures``.
        """
    @property
    def _waiters(self, /) -> Any:
        """
        The waiters of ``concurrent.futures``.
        """
    def add_done_callback(self, /, fn: Any, *, context: Any | None = None) -> None:
        """
        Calls ``fn(future)`` when the future is done: in the running loop of this thread, in
        ``context`` (``None``: a copy of the current one). Without a running loop, the thread that
        ends the future calls it.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.add_done_callback(print)
        >>> future.cancel()
        <Future cancelled>
        True
        """
    def cancel(self, /, msg: Any | None = None) -> bool:
        """
        Cancels the request: its room is free at once if no batch has taken it; else its result is
        discarded. Returns false if the future is done.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.cancel(), future.cancel()
        (True, False)
        """
    def cancelled(self, /) -> bool:
        """
        Returns true if the future was cancelled.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.cancel(), future.cancelled()
        (True, True)
        """
    def done(self, /) -> bool:
        """
        Returns true if the future has a result or an error, or was cancelled.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.done()
        False
        """
    def exception(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Any | None:
        """
        Returns the exception, or ``None`` for a result; waits and raises as ``result``.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.exception(timeout=0)
        Traceback (most recent call last):
        TimeoutError: the future is not done within the timeout
        """
    def get_loop(self, /) -> Any:
        """
        Returns the running event loop of this thread.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.get_loop()
        Traceback (most recent call last):
        RuntimeError: no running event loop
        """
    def remove_done_callback(self, /, fn: Any) -> int:
        """
        Removes the callbacks that equal ``fn``; returns how many.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.add_done_callback(print)
        >>> future.remove_done_callback(print)
        1
        """
    def result(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Any:
        """
        Returns the result, or raises the error. A thread without an event loop waits for it up to
        ``timeout`` seconds (``None``: without end), without the GIL.

        Raises:
            TimeoutError: the time is over.
            asyncio.InvalidStateError: it is not done, and this thread runs an event loop.
            CancelledError: it was cancelled; asyncio's in an event loop, that of
                ``concurrent.futures`` elsewhere.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.result(timeout=0)
        Traceback (most recent call last):
        TimeoutError: the future is not done within the timeout
        """
    def running(self, /) -> bool:
        """
        Returns true while a batch that has the request runs.

        >>> from multibin._core import Inbox, Limit
        >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
        >>> future.running()
        False
        """

@final
class Gate:
    """
    Opens and closes with the gain of binning, estimated from finished requests.

    Over the last ``window`` requests, with a predicted and an actual length each,

        gain = E[longest of B] ÷ Σ mass of bin · E[longest of B | bin],

    B the ``batch_size``. A request's bin is that of its prediction in ``edges``. The gain is the
    throughput in saturation with these bins over that with one (Proposition 4.1 of
    arXiv 2412.04504). It is 1 for useless predictions and for equal lengths.

    Below a gain of ``CLOSES_AT`` the gate closes; above ``OPENS_AT`` it opens again. Both need a
    difference beyond chance. Until ``WINDOW`` requests are known, ten for each bin, the gate is
    open. Until ``window`` are known, it closes only for a gain near 1. Any thread may call it.

    Each bin keeps its own last requests, weighted by its share of the traffic. With ``arrive``, the
    estimate does not depend on which bins are served first. It has no bias where predictions are
    useless. Where a bin keeps fewer requests than a batch has, its estimate is that of smaller
    batches.

    Args:
        edges: the bins to judge.
        batch_size: the rows of a full batch.

    Raises:
        ValueError: ``batch_size`` is out of range.
        TypeError: an argument has a wrong type.

    While the gate is closed, requests go to the first bin:

    >>> scheduler = Scheduler(Edges([0, 50, 100]), 8)
    >>> gate = Gate(scheduler.edges, 8)
    >>> ticket = scheduler.submit(1, 70 if gate.is_open else 0)
    >>> gate.arrive(70)
    >>> gate.observe(70, 64)  # when the request is finished
    """
    CLOSES_AT: Final[float]
    """
    The gain below which the gate closes.
    """
    EVERY: Final[int]
    """
    The fewest new requests after which the gain is computed again.
    """
    OPENS_AT: Final[float]
    """
    The gain above which it opens again.
    """
    WINDOW: Final[int]
    """
    The smallest window, in requests.
    """
    def __new__(cls, /, edges: "Edges", batch_size: SupportsIndex) -> Gate: ...
    def __repr__(self, /) -> str: ...
    def arrive(self, /, predicted: ArrayLike) -> None:
        """
        Counts requests that arrive: the predicted steps of each, a number or an array of shape
        ``[n]``.

        Without these calls, the gate assumes that finished requests are a fair sample of those that
        arrive. They are not if short requests are served first, or bins wait until they are full.

        Raises:
            ValueError: a length is out of range.
            TypeError: the argument is neither a number nor an array of numbers.

        >>> Gate(Edges([0, 50, 100]), 4).arrive([10, 60, 70])
        """
    @property
    def gain(self, /) -> float | None:
        """
        The throughput with bins over that with one, the mean of the last estimates; ``None`` until
        some requests of nearly all bins are known.

        >>> print(Gate(Edges([0, 50, 100]), 4).gain)
        None
        """
    @property
    def is_open(self, /) -> bool:
        """
        The gate is open: bins gain throughput, or too few requests are known.

        >>> Gate(Edges([0, 50, 100]), 4).is_open
        True
        """
    def observe(self, /, predicted: ArrayLike, actual: ArrayLike) -> None:
        """
        Counts finished requests, in this order.

        Everything is checked before the first request is counted.

        Args:
            predicted: the predicted steps of each request: a number, or an array of any integer or
                float dtype, shape ``[n]``. A float must be finite and is rounded up.
            actual: the steps that each took, of as many requests.

        Raises:
            ValueError: a length is out of range, or the sizes differ.
            TypeError: an argument is neither a number nor an array of numbers.

        >>> gate = Gate(Edges([0, 50, 100]), 4)
        >>> gate.observe([10, 60] * 1000, [10, 60] * 1000)
        >>> gate.gain > Gate.OPENS_AT
        True
        """
    @property
    def window(self, /) -> int:
        """
        The requests of the estimate: two batches for each bin and ten in all, at least ``WINDOW``
        and at most 32,768. The gain is computed after an eighth of it, at least ``EVERY``.

        >>> Gate(Edges([0, 50, 100]), 4).window == Gate.WINDOW
        True
        """

@final
class Inbox:
    """
    Keeps the items and the futures of requests that wait in a scheduler.

    Args:
        scheduler: forms the batches; its keys are the inbox's own.
        limit: bounds what waits or runs, together with other inboxes. The scheduler must have room
            for as many, and for the rows of batches that are answered and not done.
        length: returns the length of an item; ``None``: 1, if the call gives none.
        cost: returns the cost of an item; ``None``: its length, if the call gives none.
        ttl: seconds after which a waiting request expires, if the call gives none.
        on_full: without room, ``"raise"`` refuses a request, ``"wait"`` lets it wait in line, and
            ``"drop_oldest"`` fails the oldest that waits.
        when_full: returns the seconds after which room is expected, for ``FullError``.
        when_ttl: is called when an item expires earlier than ``watch`` said.
        when_left_line: is called when an item leaves the line for room.

    >>> from multibin._core import Inbox, Limit
    >>> scheduler, limit = Scheduler(Edges([0, 16]), 8), Limit(100)
    >>> inbox = Inbox(scheduler, limit, length=len)
    >>> future = inbox.submit("text")
    >>> scheduler.stats()["waiting"], limit.cost
    (1, 4)
    """
    def __new__(cls, /, scheduler: "Scheduler", limit: "Limit", *, length: Any | None = None, cost: Any | None = None, ttl: SupportsIndex | SupportsFloat | None = None, on_full: "Literal['raise', 'wait', 'drop_oldest']" = "raise", when_full: Any | None = None, when_ttl: Any | None = None, when_left_line: Any | None = None) -> Inbox: ...
    def call(self, /, item: Any, *, length: SupportsIndex | SupportsFloat | None = None, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None) -> Future:
        """
        Submits an item as ``submit`` does; the future is a coroutine too.
        """
    def close_if_idle(self, /) -> bool:
        """
        Closes the scheduler if nothing waits, runs or stands in line; returns true if it did.
        """
    def expire(self, /) -> int:
        """
        Fails the futures whose requests expired since; returns how many.
        """
    def fail_waiting(self, /, error: Any) -> int:
        """
        Fails the futures that no batch has taken, and cancels their requests; returns how many.
        """
    @property
    def is_idle(self, /) -> bool:
        """
        Nothing waits, runs or stands in line.
        """
    @property
    def items(self, /) -> int:
        """
        The items that wait or run, without those in line.
        """
    def submit(self, /, item: Any, *, length: SupportsIndex | SupportsFloat | None = None, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None, timeout: SupportsIndex | SupportsFloat | None = None) -> Future:
        """
        Submits an item and returns its future. Any thread may call it.

        Args:
            item: what a batch gets, until the future is done.
            length, cost, ttl: in place of what the inbox was made with.
            priority: 0 is the most urgent; others need a scheduler with ``ageing``.
            timeout: seconds that a thread without an event loop waits for room (``None``: without
                end). In an event loop the future waits.

        Raises:
            FullError, ClosedError: there is no room, or the scheduler is closed.
            ValueError, TypeError: an argument is wrong.

        Errors of ``length`` and ``cost`` are raised as they are.
        """
    def take(self, /, batch: Batch) -> Rows:
        """
        Takes the rows of a batch that are not cancelled; their futures run from now on. The futures
        of requests that the batch reports as expired fail with ``ExpiredError``.

        Take each batch: the futures of its rows end by what is returned.
        """
    @property
    def waiting(self, /) -> int:
        """
        The items that a batch may take.
        """
    def watch(self, /) -> float | None:
        """
        Returns the seconds until the first waiting item expires (``None``: none will). From now on
        an item that expires earlier calls ``when_ttl``.
        """

@final
class Limit:
    """
    Bounds the requests that wait or run in the inboxes of one batcher.

    Args:
        capacity: the most requests.
        max_cost: the most that they cost together; ``None``: any.

    >>> from multibin._core import Limit
    >>> Limit(8).items
    0
    """
    def __new__(cls, /, capacity: "int", max_cost: SupportsIndex | None = None) -> Limit: ...
    @property
    def cost(self, /) -> int:
        """
        What they cost.
        """
    @property
    def counts(self, /) -> dict[str, int]:
        """
        How many requests were ``submitted`` so far, were ``answered``, ``failed``, ``cancelled`` or
        ``expired``, and were ``refused`` without room.
        """
    @property
    def in_line(self, /) -> int:
        """
        The requests that wait for room.
        """
    @property
    def items(self, /) -> int:
        """
        The requests that wait or run.
        """

@final
class Recording:
    """
    Records requests when they end: a line of JSON each, appended to a file.

    ``Scheduler``, ``LLM`` and ``AsyncLLM`` take one as ``record``, or its path. Several of them may
    share one. It keeps counts and times, and never text. ``multibin plan`` reads the file.

    A thread writes, some 20 ms after the end of a request. A request never waits for it. Up to
    65,536 records wait for the file, and others are dropped and counted. If nothing more can be
    written (a full disk), the logger ``multibin`` has one warning, and later records are dropped.

    Args:
        path: the file. It is new, or a recording: that one goes on, without a torn last line.
        max_bytes: the size at which the file is renamed to ``path.1``, and a new one begins.
        files: how many files to keep, the current one included. ``path.1`` becomes ``path.2``, and
            the oldest is removed.

    Raises:
        ValueError: the path cannot be written, is no file, is not that of a recording, or another
            recording writes it, of any process. Or a number is out of range.
        TypeError: an argument has a wrong type.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Recording(f"{folder}/requests.jsonl") as recording:
    ...         recording.write(arrival=1.5, prompt_tokens=7, output_tokens=9)
    ...     print(Path(recording.path).read_text(), end="")
    True
    {"arrival": 1.500000, "prompt_tokens": 7, "output_tokens": 9, "end": "finished"}
    """
    def __enter__(self, /) -> Recording: ...
    def __exit__(self, /, kind: Any | None = None, value: Any | None = None, traceback: Any | None = None) -> None: ...
    def __new__(cls, /, path: str | PathLike[str], *, max_bytes: "int" = ..., files: "int" = ...) -> Recording: ...
    def __repr__(self, /) -> str: ...
    def close(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> None:
        """
        Ends the recording: later records are dropped. Waits as ``flush`` does, until the file is
        closed. A second call does nothing.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recording = Recording(f"{folder}/requests.jsonl")
        ...     recording.close()
        ...     recording.write(arrival=1), recording.dropped
        (False, 1)
        """
    @property
    def dropped(self, /) -> int:
        """
        How many records were dropped: there was no room, or the recording had ended.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(f"{folder}/requests.jsonl") as recording:
        ...         recording.dropped
        0
        """
    @property
    def failure(self, /) -> str | None:
        """
        Why nothing more can be written; ``None`` while it goes on, and once it was closed.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(f"{folder}/requests.jsonl") as recording:
        ...         print(recording.failure)
        None
        """
    def flush(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> None:
        """
        Waits, without the GIL, until all records so far are in the file, or ``timeout`` seconds
        (``None``: without end). Returns at once from a recording that stopped or was closed, and in
        a forked child.

        Raises ``TimeoutError`` when the time is over.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(f"{folder}/requests.jsonl") as recording:
        ...         recording.flush(timeout=10)
        """
    @property
    def path(self, /) -> str:
        """
        The path of the current file, as it was given.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(f"{folder}/requests.jsonl") as recording:
        ...         recording.path.endswith("/requests.jsonl")
        True
        """
    def write(self, /, *, arrival: SupportsIndex | SupportsFloat, end: "Literal['finished', 'expired', 'cancelled', 'failed', 'lost']" = "finished", prompt_tokens: SupportsIndex | SupportsFloat | None = None, predicted_tokens: SupportsIndex | SupportsFloat | None = None, output_tokens: SupportsIndex | SupportsFloat | None = None, wait: SupportsIndex | SupportsFloat | None = None, time_to_first_token: SupportsIndex | SupportsFloat | None = None, latency: SupportsIndex | SupportsFloat | None = None) -> bool:
        """
        Records a request that ended, of a service of your own. Any thread may call it, and it waits
        for nothing. Returns false if the record was dropped, as in a forked child.

        Args:
            arrival: when it arrived, in seconds since the epoch of Unix (``time.time()``).
            end: what became of it: "finished", "expired", "cancelled", "failed" or "lost".
            prompt_tokens, output_tokens: how many it had; 0: not known.
            predicted_tokens: the output tokens that were predicted.
            wait, time_to_first_token, latency: seconds from the arrival to the first batch, the
                first token and the end.

        Raises:
            ValueError, TypeError: an argument is wrong.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(f"{folder}/requests.jsonl") as recording:
        ...         recording.write(arrival=2, end="cancelled", prompt_tokens=7)
        True
        """
    @property
    def written(self, /) -> int:
        """
        How many records are in files.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(f"{folder}/requests.jsonl") as recording:
        ...         recording.written
        0
        """

@final
class Rows:
    """
    Holds the live rows of a batch until their futures are answered.

    A future that is not answered when this is dropped fails with ``WorkerError``.

    >>> from multibin._core import Inbox, Limit
    >>> scheduler = Scheduler(Edges([0, 16]), 8)
    >>> inbox = Inbox(scheduler, Limit(8), length=len)
    >>> futures = [inbox.submit(text) for text in ("a", "bc")]
    >>> with scheduler.worker().next_batch(0) as batch:
    ...     rows = inbox.take(batch)
    ...     rows.answer([text.upper() for text in rows.items])
    []
    >>> [future.result() for future in futures]
    ['A', 'BC']
    """
    def __len__(self, /) -> int: ...
    def answer(self, /, results: "list[Any]", start: SupportsIndex = 0, *, unfinished: "type[Any] | None" = None) -> list[int]:
        """
        Answers the rows from ``start`` on, one for each result. An exception fails its row alone.

        A result of the type ``unfinished`` answers nothing; returns the indices of such rows.
        Raises ``ValueError`` for more results than rows, and answers none then.
        """
    def fail(self, /, error: Any, start: SupportsIndex = 0, stop: SupportsIndex | None = None) -> int:
        """
        Fails the rows from ``start`` to ``stop`` (``None``: all that follow) that are not answered;
        returns how many futures failed.
        """
    @property
    def items(self, /) -> list[Any]:
        """
        The items, until all rows are answered.
        """
    @property
    def lengths(self, /) -> list[int]:
        """
        The lengths of the rows.
        """
    @property
    def longest(self, /) -> int:
        """
        The longest length; 0 without rows.
        """
    @property
    def open(self, /) -> int:
        """
        The number of rows that are not answered.
        """
    @property
    def positions(self, /) -> list[int]:
        """
        The positions of the rows in the batch.
        """
    def resume(self, /, batch: Batch, indices: "list[int]", states: "list[Any]", progress: "list[int]", *, anywhere: bool = True) -> None:
        """
        Resubmits rows, which climb: a later batch gets ``states`` in place of their items. A row
        that was cancelled meanwhile ends here.

        Args:
            batch: the batch that they were taken from.
            indices: the rows.
            states: one for each.
            progress: the steps that each has done since its arrival.
            anywhere: let any worker take them, not only the worker of this batch.

        Raises ``ValueError`` and ``RuntimeError`` as ``Batch.resubmit``; the rows stay then.
        """
    @property
    def useful(self, /) -> int:
        """
        The sum of the lengths.
        """
    def wait_turn(self, /, timeout: SupportsIndex | SupportsFloat) -> bool:
        """
        Waits, without the GIL, until the event loops of other threads have called the callbacks of
        the answers. Returns false after ``timeout`` seconds.
        """

@final
class Scheduler:
    """
    Groups requests of similar predicted length and hands out batches.

    Producers ``submit`` and workers take batches, in any thread or task.

    ``SchedulerConfig`` describes the arguments. Raises its errors, and ``MemoryError`` for a
    ``capacity`` that does not fit in memory. ``record``, a ``Recording`` or a path, records each
    request when it ends; the true lengths are those of ``Batch.observe``.

    >>> scheduler = Scheduler(Edges([0, 16, 64]), 2)
    >>> first = scheduler.submit_many(keys=[7, 8, 9, 10], lengths=[5, 40, 6, 50])
    >>> with scheduler.worker().next_batch(0) as batch:
    ...     batch.keys.tolist()
    [7, 9]
    """
    def __new__(cls, /, edges: "Edges | None" = None, batch_size: SupportsIndex | ArrayLike = ..., *, longest: SupportsIndex | SupportsFloat | None = None, capacity: "int" = 65536, max_wait: SupportsIndex | SupportsFloat | None = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing: SupportsIndex | SupportsFloat | None = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding: SupportsIndex | SupportsFloat | None = None, adapt: "Adapt | None" = None, costs: Any | None = None, record: "Recording | str | PathLike[str] | None" = None) -> Scheduler: ...
    def __repr__(self, /) -> str: ...
    def cancel(self, /, ticket: SupportsIndex) -> bool:
        """
        Cancels a waiting request, whose room is free at once. Returns false if it was delivered or
        cancelled before. Any thread may call it; it takes the forming lock.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> scheduler.cancel(scheduler.submit(7, 5))
        True
        """
    def close(self, /) -> None:
        """
        Closes the scheduler to new requests. Waiting ones leave; batches can still resubmit.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> scheduler.close()
        >>> list(scheduler.worker())
        []
        """
    @property
    def closed(self, /) -> bool:
        """
        The scheduler is closed.

        >>> Scheduler(Edges([0, 16]), 8).closed
        False
        """
    @property
    def config(self, /) -> SchedulerConfig:
        """
        The configuration in use, with the current edges.

        >>> Scheduler(Edges([0, 16]), 8, max_wait=2).config.max_wait
        2.0
        """
    def drain(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> None:
        """
        Closes, and waits without the GIL until nothing waits and nothing is leased, or ``timeout``
        seconds (``None``: without end). Other threads must take the batches and end them.

        Raises ``TimeoutError`` when the time is over; the scheduler stays closed. Raises
        ``RuntimeError`` in the thread of a running event loop (``await drain_async()`` there), and
        in a ``with`` block of a batch: the wait could never end.

        >>> Scheduler(Edges([0, 16]), 8).drain(timeout=1)
        """
    def drain_async(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Coroutine[Any, Any, None]:
        """
        Closes at once; awaited, waits until nothing waits and nothing is leased, and raises
        ``TimeoutError`` after ``timeout`` seconds from the call on (``None``: never).

        >>> import asyncio
        >>> asyncio.run(Scheduler(Edges([0, 16]), 8).drain_async(timeout=1))
        """
    @property
    def edges(self, /) -> Edges:
        """
        The edges in use while the gate is open.

        >>> Scheduler(Edges([0, 16]), 8).edges
        Edges([0, 16])
        """
    def expired(self, /) -> tuple[NDArray[uint64], NDArray[uint64]]:
        """
        Takes the expired requests, each reported once, here or by a batch: keys and tickets, shape
        ``[n]``. Call it by a timer where callers must know soon: busy workers take no batch.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> ticket = scheduler.submit(7, 5, ttl=0)
        >>> [column.tolist() for column in scheduler.expired()]
        [[7], [0]]
        """
    @staticmethod
    def from_config(config: "SchedulerConfig", *, record: "Recording | str | PathLike[str] | None" = None) -> Scheduler:
        """
        Makes a scheduler from a configuration, with ``record`` as in ``Scheduler``.

        >>> Scheduler.from_config(SchedulerConfig(Edges([0, 16]), 8)).edges
        Edges([0, 16])
        """
    def observe(self, /, predicted: ArrayLike, actual: ArrayLike) -> None:
        """
        Reports finished requests, in this order, to ``adapt``; has no effect without it. Delays
        neither ``submit`` nor ``next_batch``. Any thread may call it.

        ``predicted`` and ``actual`` are the steps of each request: two numbers, or two arrays of
        shape ``[n]``; ``Gate.observe`` describes them and the errors.

        >>> Scheduler(batch_size=8, longest=1000).observe(predicted=12, actual=15)
        """
    def prometheus(self, /, *, labels: "dict[str, str] | None" = None) -> str:
        """
        Returns the counters in the text exposition format of Prometheus (``text/plain;
        version=0.0.4``), with ``labels`` (``None``: none) on every sample.

        Raises ``ValueError`` for an invalid name of a label, and for ``bin``, ``reason`` and
        ``le``.

        >>> 'model="tiny"' in Scheduler(Edges([0, 16]), 8).prometheus(labels={"model": "tiny"})
        True
        """
    def reconfigure(self, /, *, edges: "Edges | None" = None, batch_size: SupportsIndex | ArrayLike | None = None, max_wait: "float | None" = ..., max_parked: "int | None" = ..., budget: "int | None" = None, costs: "Any" = ...) -> None:
        """
        Changes the given arguments of ``SchedulerConfig`` while requests flow; ``None`` removes
        ``max_wait``, ``max_parked`` or ``costs``. More bins than at the start need ``max_bins``.

        Waiting requests stay in their bins; one above a lowered ``budget`` leaves alone. Raises
        ``ValueError`` or ``TypeError`` for a wrong argument, and then changes nothing.

        >>> scheduler = Scheduler(Edges([0, 16]), 8)
        >>> scheduler.reconfigure(batch_size=4, max_wait=1)
        >>> scheduler.config.batch_size, scheduler.config.max_wait
        (4, 1.0)
        """
    @property
    def recording(self, /) -> Recording | None:
        """
        Where requests are recorded; ``None`` without ``record``.

        >>> print(Scheduler(Edges([0, 16]), 8).recording)
        None
        """
    def stats(self, /) -> Stats:
        """
        Returns a snapshot of the counters; ``multibin.stats`` describes them.

        ``submitted + resubmitted == taken + cancelled + expired + waiting``, and
        ``taken == resubmitted + done + lost + leased``.

        >>> Scheduler(Edges([0, 16]), 8).stats()["waiting"]
        0
        """
    def submit(self, /, key: SupportsIndex, length: SupportsIndex | SupportsFloat, *, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None, wait: SupportsIndex | SupportsFloat | None = None) -> int:
        """
        Accepts a request and returns its ticket. Any thread may call it.

        Args:
            key: the caller's key, 0 to 2⁶⁴ − 1.
            length: predicted steps, an int, or a finite float that is rounded up.
            cost: what ``budget_of="cost"`` counts, also a length; ``None``: the length.
            priority: 0 is the most urgent; others need a scheduler with ``ageing``.
            ttl: seconds from now, after which a waiting request expires; ``None``: never. It comes
                back in ``expired()``, or in ``batch.expired`` of the next batch that leaves.
            wait: seconds to wait for room, without the GIL (``math.inf``: no end); ``None``: 0.
                Threads and tasks that wait are served in order of arrival, before other calls.

        Raises:
            FullError, ClosedError: the scheduler is at capacity, or closed.
            ValueError, TypeError: an argument is wrong.

        >>> Scheduler(Edges([0, 16]), 8).submit(7, 12.5)
        0
        """
    def submit_async(self, /, key: SupportsIndex, length: SupportsIndex | SupportsFloat, *, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None) -> Coroutine[Any, Any, int]:
        """
        Submits a request as ``submit`` when awaited; waits for room without limit. Cancelled
        before it is resumed, it cancels an accepted request too.

        >>> import asyncio
        >>> asyncio.run(Scheduler(Edges([0, 16]), 8).submit_async(7, 5))
        0
        """
    def submit_many(self, /, keys: ArrayLike, lengths: ArrayLike, *, costs: ArrayLike | None = None, priorities: ArrayLike | None = None, ttls: ArrayLike | None = None, wait: SupportsIndex | SupportsFloat | None = None) -> int:
        """
        Accepts requests in bulk, in order, without the GIL. Returns the first ticket; the others
        follow it. Everything is checked before the first request is accepted.

        Args:
            keys: uint64, or int64 from 0 on, shape ``[n]``.
            lengths: predicted steps, any integer or float dtype, shape ``[n]``.
            costs, priorities, ttls: as many, infinite for no ``ttl``; ``submit`` describes them.
            wait: seconds to wait for room; ``None``: 0. The call is served piece by piece, so it
                may exceed the capacity.

        Raises:
            FullError, ClosedError: at capacity, or closed. ``accepted`` counts the accepted prefix;
                ``first`` is its first ticket (``None`` without any).
            ValueError, TypeError: an array or an element is wrong.

        >>> Scheduler(Edges([0, 16, 64]), 8).submit_many([7, 8, 9], [5, 40, 6])
        0
        """
    def submit_many_async(self, /, keys: ArrayLike, lengths: ArrayLike, *, costs: ArrayLike | None = None, priorities: ArrayLike | None = None, ttls: ArrayLike | None = None) -> Coroutine[Any, Any, int]:
        """
        Submits requests as ``submit_many`` when awaited; waits for room without limit. Cancelled
        before it is resumed, it cancels accepted requests too.

        >>> import asyncio
        >>> asyncio.run(Scheduler(Edges([0, 16]), 8).submit_many_async([7, 8], [5, 40]))
        0
        """
    def worker(self, /) -> Worker:
        """
        Makes a worker, which takes batches: ``with scheduler.worker() as worker``.

        >>> Scheduler(Edges([0, 16]), 8).worker()
        Worker(number=0, closed=False)
        """

@final
class SchedulerConfig:
    """
    Describes how a scheduler behaves: its arguments, checked, without a scheduler.

    Give it to ``simulate``, or to ``Scheduler.from_config``. It can be compared, copied and
    pickled.

    Args:
        edges: map lengths to bins. ``None``: 16 bins, or ``max_bins`` if fewer, whose bounds grow
            geometrically to ``longest``. ``adapt`` is then ``Adapt()``, unless it is given or there
            is one bin.
        batch_size: the rows of a full batch, one number or one for each of ``max_bins``. A batch of
            several bins obeys the smallest.
        longest: the longest length to expect, instead of ``edges``.
        capacity: the most requests that wait or are leased.
        max_wait: seconds in a queue after which a request is overdue and leads one of the next
            batches.
        fill: ``"elastic"``: no request waits for a full bin; the oldest leads, topped up from the
            nearest bins. ``"strict"``: only full bins leave (Algorithm 1 of arXiv 2412.04504).
        order: which full bin goes first. ``"formed"``: the one that was full first (the paper, the
            default). ``"oldest"``: the one whose head arrived first (the default with climbing or
            ``ageing``). ``"shortest"``: the lowest. ``"deadline"``: bins and rows go in order of
            the times at which requests expire.
        overrun: ``"finish"``: batches run until their last row is finished. ``"climb"``: at the
            ``limit`` of steps of a batch, half of its rows have reached the end of their bin. The
            unfinished requests are then resubmitted to the bin of their progress. ``"recompute"``:
            climbers restart at progress 0, for back-ends that cannot keep state.
        max_parked: while so many climbers wait, a worker that may take one starts only overdue
            requests. With ``fill="strict"`` it starts others where climbers hold no batch.
        max_bins: the most bins that ``reconfigure`` or ``adapt`` may bring. ``None``: those of
            ``edges``, or of ``adapt`` if that has more.
        ageing: seconds per step; lets requests have priorities. Each unit of a request's priority
            delays it by ``ageing`` × its length: only requests that arrive within that time after
            it may pass it.
        budget: the most that a batch costs. A bin is also full when its next row would not fit.
        budget_of: what the budget counts. ``"padded"``: rows × the longest length. ``"cost"``: the
            sum of the requests' ``cost``.
        max_padding: the largest share of a batch's slots × steps that may be padding, by the
            predictions, when rows of other bins join.
        adapt: lets the edges follow the requests that ``observe`` reports, and a gate watch their
            predictions. ``None``: neither.
        costs: seconds of a batch by rows and longest length (``prefill``), by which batches are
            cut. The oldest request leads: with its bin if that is full, else with what makes the
            least total time with it. Needs ``fill="elastic"`` and ``overrun="finish"``.

    Raises:
        ValueError: a value is out of range, or two arguments exclude each other.
        TypeError: an argument has a wrong type, or ``batch_size`` is missing.

    >>> config = SchedulerConfig(Edges([0, 16, 64]), 8, max_wait=0.5)
    >>> config.max_wait, config.fill
    (0.5, 'elastic')
    >>> config == Scheduler.from_config(config).config
    True
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __getnewargs_ex__(self, /) -> "tuple[tuple[()], dict[str, object]]":
        """
        Pickles and copies by value.
        """
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, /, edges: "Edges | None" = None, batch_size: SupportsIndex | ArrayLike = ..., *, longest: SupportsIndex | SupportsFloat | None = None, capacity: "int" = 65536, max_wait: SupportsIndex | SupportsFloat | None = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing: SupportsIndex | SupportsFloat | None = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding: SupportsIndex | SupportsFloat | None = None, adapt: "Adapt | None" = None, costs: Any | None = None) -> SchedulerConfig: ...
    def __repr__(self, /) -> str: ...
    @property
    def adapt(self, /) -> Adapt | None:
        """
        How the edges follow the traffic and a gate watches the predictions; ``None``: neither.

        >>> SchedulerConfig(batch_size=8, longest=1000).adapt == Adapt()
        True
        """
    @property
    def ageing(self, /) -> float | None:
        """
        Seconds per step by which a unit of priority delays a request; ``None``: no priorities.

        >>> SchedulerConfig(Edges([0, 16]), 8, ageing=0.5).ageing
        0.5
        """
    @property
    def batch_size(self, /) -> int | list[int]:
        """
        The rows of a full batch: one number, or one for each bin.

        >>> SchedulerConfig(Edges([0, 16, 64]), [8, 4]).batch_size
        [8, 4]
        """
    @property
    def budget(self, /) -> int | None:
        """
        The most that a batch costs; ``None``: no limit.

        >>> SchedulerConfig(Edges([0, 16]), 8, budget=100).budget
        100
        """
    @property
    def budget_of(self, /) -> Literal["padded", "cost"]:
        """
        What the budget counts: ``"padded"`` or ``"cost"``.

        >>> SchedulerConfig(Edges([0, 16]), 8).budget_of
        'padded'
        """
    @property
    def capacity(self, /) -> int:
        """
        The most requests that wait or are leased.

        >>> SchedulerConfig(Edges([0, 16]), 8).capacity
        65536
        """
    @property
    def costs(self, /) -> Any | None:
        """
        The seconds of a batch by which batches are cut, with what the scheduler uses of them;
        ``None``: none.

        >>> from multibin import CostTable
        >>> table = CostTable.of_batches([1, 8], [0, 512], [[0.01, 0.05], [0.02, 0.3]])
        >>> SchedulerConfig(Edges([0, 16]), 8, costs=table).costs.prefill.tolist()
        [[0.01, 0.05], [0.02, 0.3]]
        """
    @property
    def edges(self, /) -> Edges:
        """
        The bounds of the bins.

        >>> SchedulerConfig(Edges([0, 16]), 8).edges
        Edges([0, 16])
        """
    @property
    def fill(self, /) -> Literal["elastic", "strict"]:
        """
        If batches leave while no bin is full: ``"elastic"``, or not: ``"strict"``.

        >>> SchedulerConfig(Edges([0, 16]), 8, fill="strict").fill
        'strict'
        """
    @property
    def longest(self, /) -> int | None:
        """
        The longest length that was given instead of edges.

        >>> SchedulerConfig(batch_size=8, longest=1000).longest
        1000
        """
    @property
    def max_bins(self, /) -> int | None:
        """
        The most bins that there may ever be; ``None``: those of ``edges`` or of ``adapt``.

        >>> SchedulerConfig(Edges([0, 16]), 8, max_bins=4).max_bins
        4
        """
    @property
    def max_padding(self, /) -> float | None:
        """
        The largest share of padding with which rows of other bins join; ``None``: no limit.

        >>> SchedulerConfig(Edges([0, 16]), 8, max_padding=0.2).max_padding
        0.2
        """
    @property
    def max_parked(self, /) -> int | None:
        """
        How many climbers wait when only overdue requests start; ``None``: no limit.

        >>> SchedulerConfig(Edges([0, 16]), 8, max_parked=3).max_parked
        3
        """
    @property
    def max_wait(self, /) -> float | None:
        """
        Seconds in a queue after which a request is overdue; ``None``: never.

        >>> SchedulerConfig(Edges([0, 16]), 8, max_wait=2).max_wait
        2.0
        """
    @property
    def order(self, /) -> Literal["formed", "oldest", "shortest", "deadline"] | None:
        """
        Which full bin goes first; ``None``: the default for ``overrun`` and ``ageing``.

        >>> SchedulerConfig(Edges([0, 16]), 8, order="oldest").order
        'oldest'
        """
    @property
    def overrun(self, /) -> Literal["finish", "climb", "recompute"]:
        """
        What happens to a request that is longer than its bin.

        >>> SchedulerConfig(Edges([0, 16]), 8, overrun="climb").overrun
        'climb'
        """

@final
class Turn:
    """
    Makes the calls that an event loop owes to the futures of a batch.

    >>> import asyncio
    >>> from multibin._core import Turn
    >>> asyncio.iscoroutinefunction(Turn)
    False
    """
    @staticmethod
    def forget() -> None:
        """
        Forgets the loop whose turn runs in this thread: a forked child runs none.
        """
    def run(self, /) -> None:
        """
        Makes the calls. An error goes to the loop's exception handler; one that ends the program is
        raised, and the loop makes the other calls later.
        """

@final
class Worker:
    """
    Takes batches: by iteration (``for`` or ``async for``), or one by one.

    Taking a batch ends no other batch: each ends by its own ``done()`` or ``with`` block. Climbers
    that its batches resubmit come back to this worker alone. They restart in the shared queues when
    the worker is closed, or when it and its batches are gone. A ``with`` block closes it.

    >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    >>> ticket = scheduler.submit(7, 5)
    >>> scheduler.close()
    >>> with scheduler.worker() as worker:
    ...     for batch in worker:
    ...         with batch:
    ...             print(batch.keys.tolist())
    [7]
    """
    def __aiter__(self, /) -> Worker:
        """
        Returns the worker itself, for ``async for``.
        """
    def __anext__(self, /) -> Coroutine[Any, Any, Batch]:
        """
        Returns an awaitable of the next batch, which raises ``StopAsyncIteration`` at the end.
        """
    def __enter__(self, /) -> Worker: ...
    def __exit__(self, /, kind: Any | None = None, value: Any | None = None, traceback: Any | None = None) -> None:
        """
        Closes the worker. In a forked child it does nothing, so that the exception of the block
        propagates.
        """
    def __iter__(self, /) -> Worker:
        """
        Returns the worker itself: each loop over it continues with its next batch.
        """
    def __next__(self, /) -> Batch:
        """
        Waits for the next batch; ends when the worker is closed, or the scheduler is and nothing
        more can come. Where requests climb, batches of this worker that have not ended may resubmit
        climbers, so a loop waits for them.
        """
    def __repr__(self, /) -> str: ...
    def close(self, /) -> None:
        """
        Closes the worker: climbers that wait for it restart in the shared queues. A thread or task
        that waits for its next batch, and each later call, get ``ClosedError``.

        >>> worker = Scheduler(Edges([0, 16, 64]), 8).worker()
        >>> worker.close()
        >>> worker.next_batch()
        Traceback (most recent call last):
        multibin.errors.ClosedError: the worker is closed
        """
    def next_batch(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Batch:
        """
        Takes the next batch; waits for it up to ``timeout`` seconds (``None``: without end),
        without the GIL. Nothing polls, except that the main thread looks for signals.

        Raises:
            TimeoutError: the time is over.
            ClosedError: the worker is closed, or the scheduler is and nothing waits that this
                worker may take.
            ValueError: the timeout is negative or NaN.
            TypeError: it is no number.

        >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
        >>> ticket = scheduler.submit(7, 5)
        >>> with scheduler.worker().next_batch(timeout=1) as batch:
        ...     len(batch)
        1
        """
    def next_batch_async(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Coroutine[Any, Any, Batch]:
        """
        Takes the next batch in a task of any event loop: ``await worker.next_batch_async()``.

        Waits up to ``timeout`` seconds from the call on (``None``: without end). A batch wakes the
        loop once, and nothing polls. A batch that is ready is taken without yielding to the loop.
        Cancelling the task loses nothing.

        Raises:
            ValueError: the timeout is negative or NaN.
            TypeError: it is no number.
            TimeoutError: awaited, when the time is over.
            ClosedError: awaited, when the worker is closed, or the scheduler is and nothing waits
                that this worker may take.

        >>> import asyncio
        >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
        >>> async def take():
        ...     scheduler.submit(7, 5)
        ...     with await scheduler.worker().next_batch_async() as batch:
        ...         return batch.keys.tolist()
        >>> asyncio.run(take())
        [7]
        """

def bins(rows: ArrayLike, lengths: ArrayLike, seconds: ArrayLike, sample: ArrayLike, bins: SupportsIndex, batch_size: SupportsIndex) -> tuple[Edges, list[int]]:
    """
    Chooses bins and a batch size for each, by the seconds of batches.

    ``multibin.CostTable.bins`` calls it and documents the arguments.

    Args:
        rows: numbers of rows, increasing, shape ``[r]``.
        lengths: lengths, increasing, shape ``[t]``.
        seconds: the flat grid of seconds.
        sample: lengths of requests, shape ``[n]``.
        bins: the most bins.
        batch_size: the most rows of a batch.

    Raises:
        ValueError: the sample is empty, or a value is out of range.
        TypeError: an argument has a wrong type.

    >>> bins([1, 4], [10, 1000], [1.0, 1.0, 1.0, 4.0], [10, 10, 1000, 1000], 8, 4)
    (Edges([10, 11, 1001]), [4, 1])
    """

def flush_recordings() -> None:
    """
    Waits some seconds until the recordings of this process are in their files. The end of the
    interpreter calls it.
    """

def recording(record: "Recording | str | PathLike[str]") -> Recording:
    """
    Returns the recording that an argument ``record`` names, and opens a path.
    """

def simulate(scheduler: "SchedulerConfig | Baseline", arrivals: ArrayLike, predicted: ArrayLike, actual: ArrayLike, prompts: ArrayLike, model: "Literal['linear', 'table']", costs: "dict[str, object]", completes: "Literal['batch', 'row']", servers: SupportsIndex, drain: "bool", gate: "bool", users: "int | None", max_resident: "int | None", cached: ArrayLike | None = None) -> "tuple[dict[str, object], dict[str, object], list[tuple[float, str, float, int | None]], dict[str, object] | None]":
    """
    Plays requests through the batch former of a scheduler, or a baseline, on a virtual clock.

    ``multibin.simulate`` calls it and documents the arguments. The scheduler's capacity is ignored.

    Args:
        scheduler: forms the batches.
        arrivals: seconds, shape ``[n]``; with ``users``, the pauses of a closed loop.
        predicted: steps, shape ``[n]``.
        actual: steps, shape ``[n]``.
        prompts: tokens, shape ``[n]``.
        model: what ``costs`` describes.
        costs: of ``"linear"``, the coefficients by name, in seconds. Of ``"table"``, the axes, the
            flat grids and ``counts``.
        completes: when a request counts as finished.
        servers: how many run batches at the same time.
        drain: close after the last arrival.
        gate: watch the predictions.
        users: the users of a closed loop.
        max_resident: the most rows whose state a server holds.
        cached: tokens of the prompts that a prefix cache has, shape ``[n]``.

    Returns:
        The columns of the requests, those of the batches, the events of adaptation (time, kind,
        gain, bins), and its counters as in ``Scheduler.stats()``.

    Raises:
        ValueError: a value is out of range.
        TypeError: an argument has a wrong type.

    >>> config = SchedulerConfig(Edges([0, 16]), 2, fill="strict")
    >>> requests, batches, events, adaptation = simulate(
    ...     config, [0.0, 0.0], [5, 7], [5, 7], [0, 0], "linear", {"step": 1.0}, "batch", 1, True,
    ...     False, None, None)
    >>> requests["finish"].tolist()
    [7.0, 7.0]
    """
