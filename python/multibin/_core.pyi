"""
The scheduler, in Rust.
"""

from numpy import float64, uint32, uint64
from numpy.typing import ArrayLike, NDArray
from typing import Any, SupportsFloat, SupportsIndex, final

__all__ = ["Batch", "Edges", "Scheduler", "Worker"]

@final
class Batch:
    """
    Requests to run together: a lease on them. Call ``done()`` when they are finished, or use it
    as a context manager. A batch that is dropped without it counts its rows as lost.
    """
    def __enter__(self, /) -> Batch: ...
    def __exit__(self, /, kind: Any | None = None, value: Any | None = None, traceback: Any | None = None) -> None:
        """
        Finishes the batch; when the body raised, its rows count as lost.
        """
    def __len__(self, /) -> int: ...
    def __repr__(self, /) -> str: ...
    @property
    def ages(self, /) -> NDArray[float64]:
        """
        Seconds since each row arrived, shape ``[rows]``.
        """
    @property
    def bin(self, /) -> int:
        """
        The bin of the request that led.
        """
    def done(self, /) -> None:
        """
        The rows that were not resubmitted are finished. A second call does nothing.
        """
    @property
    def keys(self, /) -> NDArray[uint64]:
        """
        The callers' keys, shape ``[rows]``.
        """
    @property
    def lengths(self, /) -> NDArray[uint32]:
        """
        Predicted steps in all, shape ``[rows]``.
        """
    @property
    def limit(self, /) -> int | None:
        """
        How many steps any row may run in this batch; ``None``: until it is finished.
        """
    @property
    def progress(self, /) -> NDArray[uint32]:
        """
        Steps done since arrival, shape ``[rows]``; 0 for a request that was never resubmitted.
        """
    @property
    def reason(self, /) -> str:
        """
        Why it left: ``"few"``, ``"overdue"``, ``"full"``, ``"elastic"`` or ``"drain"``.
        """
    def resubmit(self, /, rows: ArrayLike, progress: ArrayLike, *, anywhere: bool = False) -> None:
        """
        ``rows`` (distinct positions in this batch, or a bool mask, shape ``[rows]``) are
        unfinished and climb: each enters the bin of its length or of its ``progress`` (total steps
        since arrival, one per row), whichever is higher, behind those waiting there. They come
        back to this batch's worker alone, or to any worker with ``anywhere=True``. Never refused
        for capacity.

        Raises ``ValueError`` for a wrong position, a row named twice or a progress that went
        backwards, and then nothing is resubmitted; ``RuntimeError`` after ``done()``.
        """
    @property
    def tickets(self, /) -> NDArray[uint64]:
        """
        The tickets that ``submit`` returned, shape ``[rows]``.
        """
    @property
    def waits(self, /) -> NDArray[float64]:
        """
        Seconds each row waited since it last entered a queue, shape ``[rows]``.
        """

@final
class Edges:
    """
    The map from a length to its bin: ``bins + 1`` increasing bounds, in steps.

    Bins are half-open, ``[bounds[i], bounds[i + 1])``. Lengths below the first bound belong to
    the first bin, and the last bin has no upper end. Bounds are rounded up to whole steps.

    Raises ``ValueError`` for fewer than two bounds, or bounds that do not increase.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __len__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, /, bounds: ArrayLike) -> Edges: ...
    def __repr__(self, /) -> str: ...
    def bin(self, /, length: SupportsIndex | SupportsFloat) -> int:
        """
        The bin of one length (steps).

        Raises ``ValueError`` for a negative, infinite or NaN length.
        """
    @property
    def bins(self, /) -> int:
        """
        Number of bins.
        """
    @property
    def bounds(self, /) -> NDArray[uint32]:
        """
        The ``bins + 1`` bounds, in steps.
        """
    @staticmethod
    def feedback(sample: ArrayLike, bins: SupportsIndex, overhead: SupportsFloat | SupportsIndex) -> Edges:
        """
        Levels for requests that climb from the first bin without a prediction: minimises
        Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + ``overhead``) over at most ``bins`` levels, S the survival function
        of ``sample`` (lengths in steps, shape ``[n]``) and ``overhead`` the cost of a move and of
        a batch's fixed part, in steps.

        Raises ``ValueError`` for an empty sample, a value that is not a length, or an overhead
        that is negative or not finite.
        """
    @staticmethod
    def optimal(sample: ArrayLike, bins: SupportsIndex, batch_size: SupportsIndex) -> Edges:
        """
        Bins that minimise the mean over requests of E[longest of ``batch_size`` | bin] on
        ``sample`` (lengths in steps, shape ``[n]``), and so have the highest throughput in
        saturation (Proposition 4.1 of arXiv 2412.04504). By dynamic programming; exact up to
        1,024 distinct lengths. Fewer distinct lengths give fewer bins.

        Raises ``ValueError`` for an empty sample or one with a value that is not a length.
        """
    @staticmethod
    def quantile(sample: ArrayLike, bins: SupportsIndex) -> Edges:
        """
        Bins of equal mass in ``sample`` (lengths in steps, shape ``[n]``); ties may leave fewer.

        Raises ``ValueError`` for an empty sample or one with a value that is not a length.
        """
    @staticmethod
    def uniform(lo: SupportsIndex | SupportsFloat, hi: SupportsIndex | SupportsFloat, bins: SupportsIndex) -> Edges:
        """
        Bins of equal width from ``lo`` to ``hi`` (steps): optimal for uniform lengths
        (Lemma 4.1 of arXiv 2412.04504). Bins that would hold no whole length are left out.
        """

@final
class Scheduler:
    """
    Groups requests of similar predicted length and hands out batches.

    ``edges`` maps lengths to bins; ``batch_size`` is the rows of a full batch; ``capacity`` the
    most requests that wait or are leased (``None``: 65,536); after ``max_wait`` seconds in a queue a request is
    overdue and leads the next batch. ``fill="elastic"``: nobody waits for a full bin, the oldest
    request leads, topped up from the nearest bins; ``"strict"``: only full bins leave (Algorithm 1
    of arXiv 2412.04504). ``order``: which full bin goes first, ``"formed"`` (the paper, the
    default) or ``"oldest"`` (the default with climbing). ``overrun="climb"``: batches have a
    ``limit`` of steps, and who is unfinished then is resubmitted to a higher bin.

    Raises ``ValueError`` for a value out of range.
    """
    def __iter__(self, /) -> Worker:
        """
        Iterates over the batches of a new worker.
        """
    def __new__(cls, /, edges: Edges, batch_size: SupportsIndex, *, capacity: "int | None" = None, max_wait: SupportsFloat | SupportsIndex | None = None, fill: str = "elastic", order: str | None = None, overrun: str = "finish") -> Scheduler: ...
    def close(self, /) -> None:
        """
        Accepts nothing more. What waits leaves, full batches first; resubmitting goes on.
        """
    @property
    def closed(self, /) -> bool:
        """
        Whether ``close()`` was called.
        """
    @property
    def edges(self, /) -> Edges:
        """
        The edges in use.
        """
    def next_batch(self, /, timeout: SupportsFloat | SupportsIndex | None = None) -> Batch:
        """
        The next batch for the scheduler's own default worker; as ``Worker.next_batch``.
        """
    def stats(self, /) -> "dict[str, int | dict[str, int]]":
        """
        A snapshot of the counters: ``submitted + resubmitted == taken + waiting`` and
        ``taken == resubmitted + done + lost + leased``; ``restarted`` counts climbers whose worker
        went away, ``batches`` the batches by reason.
        """
    def submit(self, /, key: SupportsIndex, length: SupportsIndex | SupportsFloat) -> int:
        """
        Accepts a request and returns its ticket. ``key`` is the caller's (0 to 2⁶⁴ − 1),
        ``length`` the predicted steps (an int, or a finite float that is rounded up). Any thread.

        Raises ``FullError`` at capacity, ``ClosedError`` after ``close()``, ``ValueError`` or
        ``TypeError`` for a wrong key or length.
        """
    def submit_many(self, /, keys: ArrayLike, lengths: ArrayLike) -> int:
        """
        Accepts requests in bulk, in order, without the GIL: ``keys`` (uint64, or int64 without
        negative ones, shape ``[n]``) and ``lengths`` (any integer or float dtype, shape ``[n]``).
        Returns the first ticket; the others follow it. Everything is checked before the first is
        accepted.

        Raises ``FullError`` at capacity, whose ``accepted`` says how many were accepted (a
        prefix), ``ClosedError`` after ``close()``, ``ValueError`` or ``TypeError`` for wrong
        arrays.
        """
    def worker(self, /) -> Worker:
        """
        A new worker.
        """

@final
class Worker:
    """
    Takes batches. Iterate over it, or call ``next_batch``. Climbers that its batches resubmit come
    back to it alone; when it is closed or dropped they start anew in the shared queues.
    """
    def __iter__(self, /) -> Worker: ...
    def __next__(self, /) -> Batch:
        """
        Finishes the batch handed out before and waits for the next one; ends when the scheduler is
        closed and nothing waits that this worker may take.
        """
    def close(self, /) -> None:
        """
        Hands the waiting climbers back to the shared queues, where they start anew, and finishes
        the iterator's last batch. Later calls of ``next_batch`` raise ``ClosedError``.
        """
    def next_batch(self, /, timeout: SupportsFloat | SupportsIndex | None = None) -> Batch:
        """
        The next batch; waits for it up to ``timeout`` seconds (``None``: for ever), without the
        GIL and without polling; on the main thread signals are served meanwhile.

        Raises ``TimeoutError`` when the time is over, and ``ClosedError`` when the scheduler is
        closed and nothing waits that this worker may take, or the worker is closed.
        """
