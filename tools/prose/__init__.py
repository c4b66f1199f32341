"""Checks the prose of comments, docstrings, messages and pages against the project's rules.

    python -m tools.prose            all tracked files; status 1 if a rule is broken
    python -m tools.prose PATH...    these files and folders
    python -m tools.prose --count    counts by rule and the worst files

`words.toml` holds the words, the names that are retired, and the exemptions.
"""
