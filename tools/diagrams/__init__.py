"""The diagrams of the documentation, written as SVG.

    python -m tools.diagrams

Writes one file for each diagram into ``docs/pictures``. `svg` draws, and each other module has one
diagram. Files are the same on every machine, so a test compares them with what is committed.
"""
