"""Offline jobs: a file of requests in, a file of answers out, in constant memory.

- ``lines`` reads a line of the input, ``answers`` writes one of the output.
- ``output`` is the file of answers, which a later run continues.
- ``job`` keeps a window of lines in flight, and ``run`` joins all of these.
"""

from multibin.llm._jobs.job import Result, Settings
from multibin.llm._jobs.run import run_job
from multibin.llm._load.load_by_name import threads

__all__ = ["Result", "Settings", "run_job", "threads"]
