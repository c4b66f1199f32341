"""Offline jobs: a file of questions with candidates in, a file of scores out.

- ``lines`` reads a line of the input, ``answers`` makes one of the output.
- ``job`` scores a window of lines at a time, and continues the output of an earlier run.
- ``tally`` counts first errors, for rows of ProcessBench.
"""

from multibin.llm._jobs import Result, threads
from multibin.reward._job.answers import Settings
from multibin.reward._job.job import run_job
from multibin.reward._job.tally import Tally, table

__all__ = ["Result", "Settings", "Tally", "run_job", "table", "threads"]
