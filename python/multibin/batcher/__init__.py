"""Any function of a list as a length-aware batcher: ``@multibin.batch`` and ``Batcher``."""

from multibin.batcher._batcher import Batcher
from multibin.batcher._decorator import batch
from multibin.batcher._future import Future
from multibin.batcher._stats import BatcherStats
from multibin.batcher._unfinished import Unfinished

__all__ = ["Batcher", "BatcherStats", "Future", "Unfinished", "batch"]
