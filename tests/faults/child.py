"""Runs programs in one process: ``python -m tests.faults.child FIRST STEP COUNT``.

It writes ``run SEED`` before each program and ``fault SEED what`` for each fault. A program that
hangs ends the process: faulthandler prints the stacks of all threads, without the interpreter and
without its lock.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import sys
import warnings

from tests.faults.actors import run
from tests.faults.program import program

HANGS = 60
"""Seconds after which a program counts as hanging."""


def main(first: int, step: int, count: int) -> int:
    quiet()
    faults = 0
    for seed in range(first, first + step * count, step):
        print("run", seed, flush=True)
        faulthandler.dump_traceback_later(HANGS, exit=True)
        for fault in run(program(seed)):
            faults += 1
            print("fault", seed, fault, flush=True)
    faulthandler.cancel_dump_traceback_later()
    return int(faults > 0)


def quiet() -> None:
    """Silences warnings: programs drop batches, loops, and coroutines on purpose."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda _: None
    asyncio.set_event_loop(None)
    gc.collect()
    gc.freeze()  # Else each collection of a program walks through all of numpy.


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
