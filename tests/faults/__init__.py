"""Fault injection: random programs of everything that a user may do to a scheduler, and what may happen meanwhile.

``python -m tests.faults --programs 1000 --seed 1`` runs them, ``make faults`` too. CONTRIBUTING.md says what they do.
"""
