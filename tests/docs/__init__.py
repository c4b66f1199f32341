"""Runs every block of the Markdown pages.

``python -m tests.docs`` lists the blocks and what happens to each. HTML comments before a block are
its marks:

- ``setup``, ``check``: Python code that the reader does not see, from the second line on; it runs
  before the block, or after it.
- ``fresh``: the block begins a new namespace.
- ``not run: REASON``: the block is not executed. Its syntax is checked, and that its modules and
  targets of make exist.
- ``output``: the block shows what the block before it prints; ``…`` stands for anything.
- ``file: NAME``: the block is written to the file of this name.
- ``clone``: from here on the folder of the page has the files of the repository.
"""
