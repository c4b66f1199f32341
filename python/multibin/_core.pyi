"""
The scheduler, in Rust.
"""

from collections.abc import Coroutine, Generator, Sequence
from multibin.stats import Stats
from numpy import float64, uint32, uint64
from numpy.typing import ArrayLike, NDArray
from typing import Any, Final, Literal, SupportsFloat, SupportsIndex, final

__all__ = ["Adapt", "Awaitable", "Baseline", "Batch", "Edges", "Gate", "Scheduler", "SchedulerConfig", "Worker", "simulate"]

@final
class Adapt:
    """
    How a scheduler follows what ``Scheduler.observe`` tells of finished requests.

    ``edges``: fit edges to them, ``Edges.optimal`` with ``actual``, or ``Edges.feedback`` where requests
    climb and nothing is predicted (all 0) or the gate is closed. They are fitted every ``every``
    requests, more often before 5,000 are known, to the last ``window``; and
    anew, to later ones alone, after the last 2,000 differed from those of the last fit (two-sample
    test of Kolmogorov and Smirnov, of predicted and of actual lengths). Half of the window is fitted
    to and half judges: edges are swapped if they gain a share of ``hysteresis`` in throughput
    there. ``bins``: the most bins (the scheduler's ``max_bins``). ``overhead``: the cost of a move and of a
    batch's fixed part in steps, for ``Edges.feedback``.

    ``gate``: a ``Gate`` watches the predictions; while it is closed new requests go to the first bin.
    Edges that are swapped meanwhile are in use when it opens.

    Raises ``ValueError`` or ``TypeError`` for a value out of range.
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
    To be awaited once; a coroutine to asyncio.

    What it stands for happens when the loop resumes it and not before. Cancelled, nothing has
    happened, and a wake-up that it did not answer goes to another waiter.
    """
    def __await__(self, /) -> Generator[Any, Any, Any]: ...
    def __iter__(self, /) -> Awaitable: ...
    @property
    def __name__(self, /) -> str:
        """
        The name of the method that made it, as of a coroutine function.
        """
    def __next__(self, /) -> Any: ...
    @property
    def __qualname__(self, /) -> str:
        """
        The same with its class.
        """
    def __repr__(self, /) -> str: ...
    def close(self, /) -> None:
        """
        Ends the wait.
        """
    def send(self, /, value: Any) -> Any:
        """
        Goes on, as a coroutine does; ``value`` is not used.
        """
    def throw(self, kind: Any, value: Any | None = None, traceback: Any | None = None, /) -> Any:
        """
        Ends the wait and raises what is thrown, ``CancelledError`` for one. Thrown by another task
        than the one that waits, it leaves the wait as it is.
        """

@final
class Baseline:
    """
    Other ways to form batches, to compare with in ``simulate``. A live scheduler never uses them.

    All of them leave as soon as a server asks and something waits, and run rows to their end.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @staticmethod
    def continuous(rows: SupportsIndex, *, chunk: "int" = 1, order: "Literal['fifo', 'longest', 'shortest']" = "fifo") -> Baseline:
        """
        Continuous batching: every ``chunk`` steps free slots of the ``rows`` are filled, ``order``
        says from whom: ``"fifo"``, ``"longest"`` or ``"shortest"`` prediction first.
        """
    @staticmethod
    def heaviest_bin(edges: "Edges", batch_size: SupportsIndex, *, weight: "Literal['wait', 'wait squared']" = "wait squared", light_load: "bool" = True) -> Baseline:
        """
        The bin whose first ``batch_size`` requests have the largest sum of waits (``weight="wait"``)
        or of their squares (``"wait squared"``) leads, topped up from the nearest bins.
        """
    @staticmethod
    def look_ahead(batch_size: SupportsIndex, window: SupportsIndex) -> Baseline:
        """
        The oldest leads, the nearest lengths among the ``window`` oldest follow.
        """
    @staticmethod
    def nearest(batch_size: SupportsIndex, *, light_load: "bool" = True) -> Baseline:
        """
        The oldest leads, the nearest lengths of all that wait follow: no bins. ``few``: the oldest
        leave together while fewer than 1.6 batches wait, as in the scheduler.
        """
    @staticmethod
    def shortest_first(batch_size: SupportsIndex, patience: "int" = 200) -> Baseline:
        """
        The shortest predictions leave first; a request that was passed over by ``patience`` batches goes
        before the others (Learning to Rank, arXiv 2408.15792).
        """
    @staticmethod
    def sorted_window(window: SupportsIndex, sizes: Sequence[tuple[SupportsIndex, SupportsIndex]] | None = None) -> Baseline:
        """
        The ``window`` oldest are sorted by predicted length and cut into batches (Sequence
        Scheduling, arXiv 2305.13144). ``sizes``: pairs of an upper length and the batch size of
        the cell that it ends; without them, the paper's variable batch sizes.
        """

@final
class Batch:
    """
    Requests to run together: a lease on them, which ends by ``done()`` or by leaving ``with batch:``.
    A batch that is dropped before it ended counts its rows as lost, with a ``ResourceWarning``. It
    keeps its worker alive.
    """
    def __enter__(self, /) -> Batch: ...
    def __exit__(self, /, kind: Any | None = None, value: Any | None = None, traceback: Any | None = None) -> None:
        """
        Finishes the batch; when the body raised, its rows count as lost. In a forked child it does
        nothing, so that what ended the block goes on.
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
    @property
    def costs(self, /) -> NDArray[uint32]:
        """
        What the rows cost, shape ``[rows]``.
        """
    def done(self, /) -> None:
        """
        The rows that were not resubmitted are finished. A second call does nothing.
        """
    @property
    def expired(self, /) -> NDArray[uint64]:
        """
        The keys of requests whose ``ttl`` was over before they started, shape ``[n]``. Each is reported
        once: by the next batch that is formed, by one without rows, or by ``Scheduler.expired``.
        """
    @property
    def expired_tickets(self, /) -> NDArray[uint64]:
        """
        Their tickets, shape ``[n]``.
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
    def reason(self, /) -> Literal["light_load", "overdue", "full", "elastic", "drain", "expired"]:
        """
        Why it left: ``"light_load"``, ``"overdue"``, ``"full"``, ``"elastic"``, ``"drain"``, or
        ``"expired"`` without rows.
        """
    def resubmit(self, /, rows: ArrayLike, progress: ArrayLike, *, anywhere: "bool" = False) -> None:
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
    def feedback(sample: ArrayLike, bins: SupportsIndex, overhead: SupportsIndex | SupportsFloat) -> Edges:
        """
        Levels for requests that climb from the first bin without a prediction: minimises
        Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + ``overhead``) over at most ``bins`` levels, S the survival function
        of ``sample`` (lengths in steps, shape ``[n]``) and ``overhead`` the cost of a move and of
        a batch's fixed part, in steps.

        Raises ``ValueError`` for an empty sample, a value that is not a length, or an overhead
        that is negative or not finite.
        """
    @staticmethod
    def geometric(longest: SupportsIndex | SupportsFloat, bins: SupportsIndex) -> Edges:
        """
        At most ``bins`` bins from 0 to ``longest`` (steps) whose bounds grow by equal factors, for
        lengths of which only the longest is known.

        Raises ``ValueError`` for no bins or a ``longest`` of 0.
        """
    @staticmethod
    def optimal(sample: ArrayLike, bins: SupportsIndex, batch_size: SupportsIndex, candidates: SupportsIndex | None = ..., *, actual: ArrayLike | None = None, monotone: "bool" = True) -> Edges:
        """
        At most ``bins`` bins that minimise the mean over requests of E[longest of ``batch_size`` |
        bin], and so have the highest throughput in saturation (Proposition 4.1 of
        arXiv 2412.04504). By dynamic programming. ``sample``: lengths in steps, shape ``[n]``, that
        are known exactly when requests arrive. Fewer distinct lengths give fewer bins.

        ``candidates``: the most edges to choose from, or ``bins`` if that is more. Where there are
        more distinct lengths, candidates are equally far apart in the sum of √(requests × gap to the
        next length). ``None``: one at each distinct length, the exact optimum of the sample. With
        c candidates and d distinct lengths, time grows with c·d and memory with c·``bins``: 20,000
        lengths take about 5 ms; with ``None`` 20,000 distinct ones 1 s, and 200,000 a minute or more,
        in which Ctrl-C waits.

        ``actual``: what requests took that were predicted to take ``sample``, steps, shape ``[n]``.
        The bins are of predictions then, and minimise the mean of E[longest actual length of
        ``batch_size`` | bin]. At most 512 actual lengths are told apart. ``monotone``: take it that
        longer predictions mean longer requests in distribution, and estimate the shares of requests
        that are no longer than x by isotonic regression, for each x; false: take the shares of the
        pairs as they are, which with few pairs for each bin fits their noise. Time grows with
        c²·512, without ``monotone`` also with c²·``bins``, and memory with c·(``bins`` + 512): 20,000
        pairs take about 15 ms, with ``None`` and as many distinct predictions a minute.

        Raises ``ValueError`` for an empty sample or one with a value that is not a length, a number
        that is out of range, arrays of unlike sizes, and ``monotone=False`` without ``actual``.
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
class Gate:
    """
    Whether binning pays, judged by what the predictions of finished requests were worth.

    Over the last ``window`` requests, with a predicted and an actual length each,

        gain = E[longest of B] ÷ Σ mass of bin · E[longest of B | bin],

    B the ``batch_size`` and a request's bin that of its prediction in ``edges``: the throughput in
    saturation with these bins over that with one (Proposition 4.1 of arXiv 2412.04504).
    Predictions that tell nothing gain nothing, and neither do lengths that are alike. Below a gain
    of ``CLOSES_AT`` the gate closes, above ``OPENS_AT`` it opens again, by more than chance. Until ``WINDOW``
    requests are known, ten a bin, it is open; until ``window`` are it closes only for a gain of next
    to nothing. Any thread may call it.

    Each bin keeps its own last requests, and weighs what it has of the traffic: which bins are served
    first does not matter to a gate that is told of the arrivals as well. The estimate has no bias
    where predictions tell nothing. Where a bin keeps fewer requests than a batch has, it is that of
    smaller batches.

    While it is closed, requests go to the first bin:

        scheduler.submit(key, predicted if gate.is_open else 0)
        gate.arrive(predicted)
        ...
        gate.observe(predicted, actual)                         # when the request is finished

    Raises ``ValueError`` for a batch size out of range.
    """
    CLOSES_AT: Final[float]
    """
    The gain below which the gate closes.
    """
    EVERY: Final[int]
    """
    The least new requests after which the gain is computed again.
    """
    OPENS_AT: Final[float]
    """
    The gain above which it opens again.
    """
    WINDOW: Final[int]
    """
    The least requests that are looked at.
    """
    def __new__(cls, /, edges: "Edges", batch_size: SupportsIndex) -> Gate: ...
    def __repr__(self, /) -> str: ...
    def arrive(self, /, predicted: ArrayLike) -> None:
        """
        Requests arrive: the steps that were predicted of each, a number or an array of shape ``[n]``.
        Optional: without it the requests that finish are taken for a fair sample of those that arrive,
        which they are not where short ones are served first or bins wait to be full.

        Raises ``ValueError`` or ``TypeError`` for a wrong length.
        """
    @property
    def gain(self, /) -> float | None:
        """
        What bins gain in throughput as a factor, the mean of the last looks; ``None`` until some
        requests are known of nearly all bins.
        """
    @property
    def is_open(self, /) -> bool:
        """
        Whether binning pays: the gate is open.
        """
    def observe(self, /, predicted: ArrayLike, actual: ArrayLike) -> None:
        """
        Requests are finished, in this order: the steps that were predicted of each and those that
        it took. Two numbers (ints, or finite floats that are rounded up), or two arrays of any
        integer or float dtype, shape ``[n]``. Everything is checked before the first is counted.

        Raises ``ValueError`` or ``TypeError`` for a wrong length or for unlike sizes.
        """
    @property
    def window(self, /) -> int:
        """
        How many requests are looked at: two batches of each bin and ten in all, at least
        ``WINDOW`` and at most
        32,768. The gain is computed every eighth of it, at least ``EVERY``.
        """

@final
class Scheduler:
    """
    Groups requests of similar predicted length and hands out batches. ``SchedulerConfig`` says what each
    argument means.

    Producers ``submit``; workers, ``with scheduler.worker() as worker``, take batches. Any thread or
    task may do either.

    Raises ``ValueError`` or ``TypeError`` that names the argument and its value.
    """
    def __new__(cls, /, edges: "Edges | None" = None, batch_size: SupportsIndex | ArrayLike = ..., *, longest: SupportsIndex | SupportsFloat | None = None, capacity: "int" = 65536, max_wait: SupportsIndex | SupportsFloat | None = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing: SupportsIndex | SupportsFloat | None = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding: SupportsIndex | SupportsFloat | None = None, adapt: "Adapt | None" = None) -> Scheduler: ...
    def __repr__(self, /) -> str: ...
    def cancel(self, /, ticket: SupportsIndex) -> bool:
        """
        Takes a request back that waits: true if it will not be delivered, false if it was, or was
        cancelled before. Its capacity is free at once. Any thread; takes the forming lock.
        """
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
    def config(self, /) -> SchedulerConfig:
        """
        How the scheduler behaves now, with the edges in use.
        """
    def drain(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> None:
        """
        Closes, and waits without the GIL, up to ``timeout`` seconds (``None``: for ever), until
        nothing waits and nothing is leased. Other threads must take the batches and end them.

        Raises ``TimeoutError`` when the time is over; the scheduler stays closed. Raises ``RuntimeError``
        where it could not end: in the thread of a running event loop, whose tasks it would hold up
        (``await drain_async()`` there), and in a ``with`` block of a batch.
        """
    def drain_async(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Coroutine[Any, Any, None]:
        """
        As ``drain``, to be awaited in an event loop: closes at once, and the awaitable waits for the
        end, up to ``timeout`` seconds from the call on.

        Awaiting raises ``TimeoutError`` when the time is over.
        """
    @property
    def edges(self, /) -> Edges:
        """
        The edges in use, while the gate is open.
        """
    def expired(self, /) -> tuple[NDArray[uint64], NDArray[uint64]]:
        """
        Takes the requests whose ``ttl`` is over and that no batch has reported: their keys and their
        tickets, each of shape ``[n]``. Each is reported once, by a batch or here. Their room is free.
        """
    @staticmethod
    def from_config(config: "SchedulerConfig") -> Scheduler:
        """
        A scheduler that behaves as ``config`` says.
        """
    def observe(self, /, predicted: ArrayLike, actual: ArrayLike) -> None:
        """
        Requests are finished, in this order: the steps that were predicted of each and those that it
        took. Two numbers (ints, or finite floats that are rounded up), or two arrays of any integer or
        float dtype, shape ``[n]``. Everything is checked before the first is counted. Any thread;
        without ``adapt`` nothing is done.

        Holds up neither ``submit`` nor ``next_batch``. Every 100th request the gate is judged, every
        500th a drift is looked for, some tens of microseconds each; edges are fitted on a thread of
        their own. What changed is logged by the logger ``multibin``, level ``INFO``, here: by the call
        that turned the gate, or the first one after a swap of edges.

        Raises ``ValueError`` or ``TypeError`` for a wrong length or for unlike sizes.
        """
    def prometheus(self, /, *, labels: "dict[str, str] | None" = None) -> str:
        """
        The same in the text exposition format of Prometheus (``text/plain; version=0.0.4``), with
        ``labels`` (``None``: none) on every sample.

        Raises ``ValueError`` for a label whose name is none, starts with ``__``, or is ``bin``, ``reason`` or
        ``le``.
        """
    def reconfigure(self, /, *, edges: "Edges | None" = None, batch_size: SupportsIndex | ArrayLike | None = None, max_wait: "float | None" = ..., max_parked: "int | None" = ..., budget: "int | None" = None) -> None:
        """
        Changes edges, batch size and waits while requests flow; what is not given stays, and
        ``None`` takes ``max_wait`` or ``max_parked`` away. Who waits stays in its bin, and who comes
        from now on goes to the new ones. More bins than at the start need ``max_bins``. Who waits and
        exceeds a lowered ``budget`` leaves alone.

        Raises ``ValueError`` for a value out of range; nothing is changed then.
        """
    def stats(self, /) -> Stats:
        """
        A snapshot of the counters: ``submitted + resubmitted == taken + cancelled +
        expired + waiting`` and ``taken == resubmitted + done + lost + leased``; ``restarted`` counts climbers whose worker
        went away, ``batches`` the batches by reason. ``bins`` has a dict for each bin: what waits in it
        (``waiting``, ``parked``, ``oldest`` in seconds), its ``arrivals``, and the ``batches`` that it led with
        their ``rows`` and their cost in predicted steps, ``padded`` and ``useful``. ``waits`` is a histogram of the
        seconds that rows waited: ``bounds``, ``counts``, ``sum``. ``gate``: whether it is ``open``, the ``gain`` of bins that it last found, how
        often it ``closed`` and ``opened``; ``edges``: ``fits``, ``swaps``, and ``drifts`` of the traffic. The types
        are in ``multibin.stats``.
        """
    def submit(self, /, key: SupportsIndex, length: SupportsIndex | SupportsFloat, *, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None, wait: SupportsIndex | SupportsFloat | None = None) -> int:
        """
        Accepts a request and returns its ticket. ``key`` is the caller's (0 to 2⁶⁴ − 1),
        ``length`` the predicted steps (an int, or a finite float that is rounded up). ``cost``, of the
        same kind: what counts in ``budget_of="cost"`` (``None``: the length). ``priority``: 0 is the
        most urgent; others need a scheduler with ``ageing``. ``ttl``: seconds from now; a request that
        has not left in a batch by then expires, and comes back in ``batch.expired`` or ``expired()``.
        Any thread.

        ``wait``: seconds to wait for room without the GIL (``math.inf``: without end; ``None``: no
        wait). Calls that wait for room, here or in a task, are served first come, first served, and
        before those that do not wait.

        Raises ``FullError`` at capacity, ``ClosedError`` after ``close()``, ``ValueError`` or
        ``TypeError`` for a wrong argument.
        """
    def submit_async(self, /, key: SupportsIndex, length: SupportsIndex | SupportsFloat, *, cost: SupportsIndex | SupportsFloat | None = None, priority: "int" = 0, ttl: SupportsIndex | SupportsFloat | None = None) -> Coroutine[Any, Any, int]:
        """
        As ``submit``, to be awaited in an event loop: waits for room as long as it takes.

        The request is submitted when the awaitable is awaited. Cancelled before it is resumed, it
        leaves nothing behind: what was accepted and still waits is cancelled as well.
        """
    def submit_many(self, /, keys: ArrayLike, lengths: ArrayLike, *, costs: ArrayLike | None = None, priorities: ArrayLike | None = None, ttls: ArrayLike | None = None, wait: SupportsIndex | SupportsFloat | None = None) -> int:
        """
        Accepts requests in bulk, in order, without the GIL: ``keys`` (uint64, or int64 without
        negative ones, shape ``[n]``) and ``lengths`` (any integer or float dtype, shape ``[n]``).
        ``costs`` (as ``lengths``), ``priorities`` (integers) and ``ttls`` (seconds from now, infinite
        for none), shape ``[n]``, and ``wait``, as in ``submit``. A call that waits for room is served
        piece by piece, so that it may be larger than the capacity. Returns the first ticket; the
        others follow it. Everything is checked before the first is accepted.

        Raises ``FullError`` at capacity, and ``ClosedError`` after ``close()``: their ``accepted``
        says how many were accepted (a prefix) and ``first`` is the first ticket of these (``None``
        without any). Raises ``ValueError`` or ``TypeError`` for wrong arrays.
        """
    def submit_many_async(self, /, keys: ArrayLike, lengths: ArrayLike, *, costs: ArrayLike | None = None, priorities: ArrayLike | None = None, ttls: ArrayLike | None = None) -> Coroutine[Any, Any, int]:
        """
        As ``submit_many``, to be awaited in an event loop: waits for room as long as it takes; see
        ``submit_async``.
        """
    def worker(self, /) -> Worker:
        """
        A new worker, to take batches: ``with scheduler.worker() as worker``.
        """

@final
class SchedulerConfig:
    """
    How a scheduler behaves: the arguments of ``Scheduler``, checked, and without a scheduler.

    Give it to ``simulate``, or to ``Scheduler.from_config``. It can be compared, copied and pickled.

    Args:
        edges: map lengths to bins. ``None``: 16 bins, or ``max_bins`` if fewer, whose bounds grow
            geometrically to ``longest``; ``adapt`` is ``Adapt()`` unless it is given or there is one bin.
        batch_size: the rows of a full batch, one number or one for each of ``max_bins``. A batch of several
            bins obeys the smallest.
        longest: the longest length to expect, where there are no ``edges``.
        capacity: the most requests that wait or are leased.
        max_wait: seconds in a queue after which a request is overdue and leads one of the next batches.
        fill: ``"elastic"``: no request waits for a full bin, the oldest leads, topped up from the nearest
            bins. ``"strict"``: only full bins leave (Algorithm 1 of arXiv 2412.04504).
        order: which full bin goes first. ``"formed"``: the one that was full first (the paper, the default).
            ``"oldest"``: the one whose head arrived first (the default with climbing or ``ageing``).
            ``"shortest"``: the lowest. ``"deadline"``: bins and what leaves are in order of the times at
            which requests expire.
        overrun: ``"finish"``: batches run until their last row is finished. ``"climb"``: batches have a
            ``limit`` of steps, which takes half of their rows to the ends of their bins, and a request that
            is unfinished then is resubmitted to the bin of its progress. ``"recompute"``: the same for
            back-ends that cannot keep state, so that a climber starts over.
        max_parked: while so many climbers wait, a worker that may take one starts only overdue requests, and
            with ``fill="strict"`` others where climbers hold no batch.
        max_bins: the most bins that ``reconfigure`` or ``adapt`` may bring. ``None``: those of ``edges``,
            or of ``adapt`` if that has more.
        ageing: seconds per step; lets requests have priorities. Each unit of a request's priority puts it
            off by ``ageing`` × its length, so that only those pass it that arrive within that time after it.
        budget: bounds what a batch costs. A bin is full as well when its next row would not fit.
        budget_of: what the budget counts. ``"padded"``: rows × the longest. ``"cost"``: the sum of the
            requests' ``cost``.
        max_padding: a share; rows of other bins join only while, by the predictions, no larger share of
            the batch's slots × steps is padding.
        adapt: how edges follow the requests that ``observe`` is told of, and a gate watches their
            predictions. ``None``: neither.

    Raises ``ValueError`` or ``TypeError`` that names the argument and its value.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __getnewargs_ex__(self, /) -> "tuple[tuple[()], dict[str, object]]":
        """
        Pickles and copies by value.
        """
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, /, edges: "Edges | None" = None, batch_size: SupportsIndex | ArrayLike = ..., *, longest: SupportsIndex | SupportsFloat | None = None, capacity: "int" = 65536, max_wait: SupportsIndex | SupportsFloat | None = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing: SupportsIndex | SupportsFloat | None = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding: SupportsIndex | SupportsFloat | None = None, adapt: "Adapt | None" = None) -> SchedulerConfig: ...
    def __repr__(self, /) -> str: ...
    @property
    def adapt(self, /) -> Adapt | None:
        """
        How edges follow the traffic and a gate watches the predictions.
        """
    @property
    def ageing(self, /) -> float | None:
        """
        Seconds per step by which a unit of priority puts a request off.
        """
    @property
    def batch_size(self, /) -> int | list[int]:
        """
        The rows of a full batch: one number, or one for each bin.
        """
    @property
    def budget(self, /) -> int | None:
        """
        The most that a batch costs.
        """
    @property
    def budget_of(self, /) -> Literal["padded", "cost"]:
        """
        What the budget counts.
        """
    @property
    def capacity(self, /) -> int:
        """
        The most requests that wait or are leased.
        """
    @property
    def edges(self, /) -> Edges:
        """
        The map from lengths to bins.
        """
    @property
    def fill(self, /) -> Literal["elastic", "strict"]:
        """
        Whether batches leave while no bin is full.
        """
    @property
    def longest(self, /) -> int | None:
        """
        The longest length that was given in the place of edges.
        """
    @property
    def max_bins(self, /) -> int | None:
        """
        The most bins there may ever be.
        """
    @property
    def max_padding(self, /) -> float | None:
        """
        The most padding beside which rows of other bins join.
        """
    @property
    def max_parked(self, /) -> int | None:
        """
        How many climbers wait before nothing but overdue requests starts.
        """
    @property
    def max_wait(self, /) -> float | None:
        """
        Seconds in a queue after which a request is overdue.
        """
    @property
    def order(self, /) -> Literal["formed", "oldest", "shortest", "deadline"] | None:
        """
        Which full bin goes first; ``None``: as ``overrun`` and ``ageing`` have it.
        """
    @property
    def overrun(self, /) -> Literal["finish", "climb", "recompute"]:
        """
        What happens to a request that is longer than its bin.
        """

@final
class Worker:
    """
    Takes batches: iterate over it (``for`` or ``async for``), or ask for the next one. Asking for a batch
    ends no other; each ends by its own ``done()`` or ``with`` block. Climbers that its batches
    resubmit come back to it alone. When it is closed, or it and its batches are gone, they start
    over in the shared queues. Use it as a context manager, which closes it.
    """
    def __aiter__(self, /) -> Worker:
        """
        The worker itself, for ``async for``.
        """
    def __anext__(self, /) -> Coroutine[Any, Any, Batch]:
        """
        As the next batch of a thread, but to be awaited.
        """
    def __enter__(self, /) -> Worker: ...
    def __exit__(self, /, kind: Any | None = None, value: Any | None = None, traceback: Any | None = None) -> None:
        """
        Closes the worker. In a forked child it does nothing, so that what ended the block goes on.
        """
    def __iter__(self, /) -> Worker:
        """
        The worker itself: each loop over it goes on with its next batch.
        """
    def __next__(self, /) -> Batch:
        """
        Waits for the next batch; ends when the worker is closed, or the scheduler is and nothing more can
        come. Where requests climb, batches of this worker that have not ended, wherever they run, may give
        climbers back, so a loop waits for them.
        """
    def __repr__(self, /) -> str: ...
    def close(self, /) -> None:
        """
        Hands the waiting climbers back to the shared queues, where they start over. A thread or
        task that waits for this worker's next batch, and later calls, get ``ClosedError``.
        """
    def next_batch(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Batch:
        """
        The next batch; waits for it up to ``timeout`` seconds (``None``: for ever), without the
        GIL. It sleeps without polling, but for the main thread, which looks for signals.

        Raises ``TimeoutError`` when the time is over, ``ClosedError`` when the worker is closed, or
        the scheduler is and nothing waits that this worker may take, and ``ValueError`` for a
        negative timeout.
        """
    def next_batch_async(self, /, timeout: SupportsIndex | SupportsFloat | None = None) -> Coroutine[Any, Any, Batch]:
        """
        The next batch for a task of asyncio, to be awaited in any event loop: ``await
        worker.next_batch_async()``. Waits for it up to ``timeout`` seconds from the call on
        (``None``: for ever); the loop is woken once a batch, and nothing polls. Cancelling the task
        loses nothing. A batch that is there is taken without yielding to the loop.

        Awaiting raises what ``next_batch`` raises; the call ``ValueError`` for a negative timeout.
        """

def simulate(scheduler: "SchedulerConfig | Baseline", arrivals: ArrayLike, predicted: ArrayLike, actual: ArrayLike, prompts: ArrayLike, costs: "dict[str, object]", completes: "Literal['batch', 'row']", servers: SupportsIndex, drain: "bool", gate: "bool", users: "int | None", max_resident: "int | None") -> "tuple[dict[str, object], dict[str, object], list[tuple[float, str, float, int | None]], dict[str, object] | None]":
    """
    Plays requests through the former of a scheduler, or a baseline, on a virtual clock; the capacity
    is not counted. Used by ``multibin.simulate``, which documents
    the arguments.

    ``arrivals`` in seconds, or with ``users`` the pauses of a closed loop; ``predicted``, ``actual``
    and ``prompts`` in steps and tokens, all of shape ``[n]``; ``costs`` the coefficients of the
    cost model by name, in seconds, or the axes, the flat grids and ``counts`` of a table. Returns
    the columns of the requests and of the batches, what adaptation did (time, kind, gain, bins), and
    its counters as in ``Scheduler.stats()``.

    Raises ``ValueError`` or ``TypeError`` that names the argument and the value.
    """
