"""Fault injection: random programs of everything that a user may do to a scheduler.

``python -m tests.faults --programs 1000 --seed 1`` runs them, and so does ``make faults``.
CONTRIBUTING.md says what they do.
"""
