"""The file of a model in the format GGUF: config, tokenizer and weights in one."""

from __future__ import annotations

import os
from pathlib import Path

from multibin._args import sentence


def gguf_options(source: object, gguf_file: object) -> dict[str, str]:
    """Returns how transformers is told of `gguf_file`: nothing for None.

    Raises:
        TypeError: `gguf_file` is no name of a file.
        ValueError: `source` is a model object, or a folder without such a file.
    """
    if gguf_file is None:
        return {}
    if not isinstance(gguf_file, str | os.PathLike):
        raise TypeError(sentence("gguf_file", "the name of a file", gguf_file))
    file = os.fspath(gguf_file)
    if not isinstance(source, str | os.PathLike):
        raise ValueError(sentence("gguf_file", "None for a model object", file))
    folder = Path(source)
    if not folder.is_dir():
        return {"gguf_file": file}
    if not (folder / file).is_file():
        raise ValueError(sentence("gguf_file", f"a file in the folder {str(folder)!r}", file))
    # Absolute: transformers prefers a file of this name in the working directory.
    return {"gguf_file": str((folder / file).absolute())}
