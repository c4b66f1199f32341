"""Builds the documentation site from the files of the repository: the hook of mkdocs and its parts."""
