"""A conformance suite of dynamic batchers: a check for each way to lose, mix up or hang callers.

``python -m tests.batcher.conformance SUBJECT`` runs every check on one batcher and prints a line
for each. A subject is a name of ``subjects``, or ``module:attribute`` for a batcher of your own.
docs/reference/conformance.md describes the checks and shows several libraries side by side.
"""
