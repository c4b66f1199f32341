"""The hook of mkdocs, which makes the documentation site of the files of the repository."""
