"""Runs random programs in processes; reports each fault with seed, program, and all stacks."""

from __future__ import annotations

import argparse
import pprint
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.program import program

CHUNK = 500
"""The most programs of one process."""
KEPT = 12_000
"""The characters of its stacks that a report shows."""


@dataclass
class Run:
    """Shares the seeds of a run between processes."""

    seeds: range
    processes: int
    done: int = 0
    reports: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Runs all programs and prints the progress."""
        sides = [threading.Thread(target=self.side, args=(side,)) for side in range(self.processes)]
        for side in sides:
            side.start()
        for side in sides:
            while side.is_alive():
                side.join(30)
                print(f"{self.done} of {len(self.seeds)} programs", flush=True)

    def side(self, side: int) -> None:
        """Runs every so-many-th seed; another process continues after one that ended early."""
        left = self.seeds[side :: self.processes]
        while left:
            ran = self.child(left[:CHUNK])
            left = left[ran:]

    def child(self, seeds: range) -> int:
        """Runs a process; returns how many programs it began."""
        numbers = [seeds.start, seeds.step, len(seeds)]
        command = [sys.executable, "-m", "tests.faults.child", *map(str, numbers)]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        stacks: list[str] = []
        assert child.stdout
        assert child.stderr
        reader = threading.Thread(
            target=lambda stream: stacks.append(stream.read()), args=(child.stderr,)
        )
        reader.start()
        began = self.follow(child.stdout)
        code = child.wait()
        reader.join()
        last = seeds[began - 1] if began else seeds[0]
        if code not in (0, 1) or began < len(seeds):
            self.report(last, f"the process ended with {code}", stacks[0])
        return max(began, 1)

    def follow(self, lines: Iterable[str]) -> int:
        """Reads what a process writes; returns how many programs it began."""
        began = 0
        for line in lines:
            what, seed, *rest = line.split(maxsplit=2)
            if what == "fault":
                self.report(int(seed), rest[0].strip(), "")
            elif what == "run":
                began += 1
                with self.lock:
                    self.done += 1
        return began

    def report(self, seed: int, what: str, stacks: str) -> None:
        """Prints a fault with its program and all stacks."""
        text = f"seed {seed}: {what}"
        with self.lock:
            self.reports.append(text)
            print(
                text, pprint.pformat(program(seed), width=110), stacks[-KEPT:], sep="\n", flush=True
            )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first program; others follow it"
    )
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    run = Run(range(options.seed, options.seed + options.programs), options.processes)
    start = time.monotonic()
    run.run()
    print(f"{run.done} programs in {time.monotonic() - start:.0f} s, {len(run.reports)} faults")
    for text in run.reports[:20]:
        print(" ", text)
    return int(bool(run.reports))


if __name__ == "__main__":
    sys.exit(main())
