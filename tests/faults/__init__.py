"""Fault injection: random programs of all that a caller may do to a scheduler.

``python -m tests.faults --programs 1000 --seed 1`` runs them, and so does ``make faults``.
CONTRIBUTING.md describes them.
"""
