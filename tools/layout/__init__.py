"""Checks the house: which file uses which, the order of the floors, the sizes of the rooms.

    python -m tools.layout             what breaks the rules; status 1 if anything does
    python -m tools.layout --report    all numbers as a Markdown table

`floors.toml` holds the order of the floors and the limits.
"""
