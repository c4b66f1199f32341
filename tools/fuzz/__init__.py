"""Feeds changed files to what reads files, until one of them raises what it must not.

- ``targets`` are the readers: each takes bytes, and may raise the errors that it documents.
- ``seeds`` are the files to begin with, taken from the tests of a reader.
- ``change`` makes a new file of known ones.
- ``reach`` says which lines of the package ran, and after which.
- ``hunt`` keeps a file that reaches something new, and stops at a failure.

Every file that fails becomes a test of its reader.
"""
