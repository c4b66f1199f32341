"""Offline jobs: a file of requests in, a file of answers out, in constant memory.

- ``lines`` reads a line of the input, ``answers`` writes one of the output.
- ``output`` is the file of answers, which a later run continues.
- ``job`` keeps a window of lines in flight.
"""
