"""Opens a file as text, whatever packs it, and names files that are no text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

__all__ = ["Text"]

HEAD = 65_536
"""Bytes by which a file is judged."""

PACKED = ".gz", ".bz2", ".xz", ".lzma"
"""Ends of names that make numpy's reader unpack a file by itself."""

LFS = b"version https://git-lfs.github.com/spec/"

BINARY = {
    b"PAR1": "a Parquet file: save it as CSV or JSON lines first",
    b"ARROW1": "an Arrow file: save it as CSV or JSON lines first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: decompress it first (zstd -d)",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"SQLite format 3": "a SQLite database: export the table of requests as CSV first",
    b"\x93NUMPY": "a NumPy array: save it as CSV first",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as CSV first",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "packed twice: unpack it once",
    b"\x1f\x8b": "packed twice: unpack it once",
}
"""What files are that begin so, and what to do with them."""

UNKNOWN = "binary, not text: a trace is CSV or JSON"

MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
"""Encodings by the mark at the start, the longest first."""

COMMENTED = re.compile(r"(#[^\n]*\s+)+[{\[]")
"""Comments that JSON follows."""

STRAY = 0.02
"""The most empty bytes in a text of one byte a letter: a damaged line may have some."""

WIDE = 0.3
"""The least share of empty bytes, at even or at odd places, in UTF-16 without a mark."""


class Text:
    """A file that is opened as text as often as needed.

    Raises:
        OSError: it cannot be opened.
        EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error: it is packed and damaged.
        ValueError: it is empty, or no text. The message says what it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = None if stat.S_ISREG(path.stat().st_mode) else path.read_bytes()
        with self._file() as file:
            start = file.read(HEAD)
        self.packing, self._unpack = self._packing(start)
        with self._unpack() as unpacked:
            start = unpacked.read(HEAD)
        self._check(start)
        self.encoding = _encoding(start)
        if self.encoding is None:
            raise ValueError(f"{path} is {_binary(start)}")
        with self.open() as text:
            self.head = text.read(HEAD // 4)
        if not self.head.strip():
            raise ValueError(f"{path} is empty: it has blank lines alone")
        self._check_page()

    def open(self) -> IO[str]:
        """Returns the text from its start, with the ends of lines as they are."""
        return io.TextIOWrapper(self._unpack(), encoding=self.encoding, newline="")

    @property
    def plain(self) -> bool:
        """Returns whether numpy's reader can open the path by itself."""
        ends = self.path.name.lower().endswith(PACKED)
        usual = not self.packing and self.encoding == "utf-8-sig"
        return usual and self._bytes is None and not ends

    @property
    def words(self) -> str:
        """Returns what packs the text and how it is encoded, if either is unusual."""
        encoding = "" if self.encoding == "utf-8-sig" else str(self.encoding).upper()[:6]
        return ", ".join(word for word in (self.packing, encoding) if word)

    def _origin(self) -> Path | io.BytesIO:
        return self.path if self._bytes is None else io.BytesIO(self._bytes)

    def _file(self) -> IO[bytes]:
        origin = self._origin()
        return origin.open("rb") if isinstance(origin, Path) else origin

    def _packing(self, start: bytes) -> tuple[str, Callable[[], IO[bytes]]]:
        if start.startswith(b"\x1f\x8b"):
            return "gzip", lambda: cast("IO[bytes]", gzip.open(self._origin()))
        if start.startswith(b"BZh"):
            return "bzip2", lambda: bz2.open(self._origin())
        if start.startswith(b"\xfd7zXZ\x00"):
            return "xz", lambda: lzma.open(self._origin())
        if start.startswith(b"PK\x03\x04"):
            member = self._member()
            return "zip", lambda: self._open_member(member)
        return "", self._file

    def _member(self) -> str:
        """Returns the only file of an archive."""
        with zipfile.ZipFile(self._origin()) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if "[Content_Types].xml" in names:
            raise ValueError(f"{self.path} is an Excel workbook: save the sheet as CSV first")
        names = [name for name in names if not _hidden(name)]
        if len(names) != 1:
            some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            raise ValueError(
                f"{self.path} is a zip archive of {len(names)} files ({some}): unpack one"
            )
        return names[0]

    def _open_member(self, name: str) -> IO[bytes]:
        with zipfile.ZipFile(self._origin()) as archive:
            return archive.open(name)

    def _check(self, start: bytes) -> None:
        if not start:
            raise ValueError(f"{self.path} is empty")
        if start.removeprefix(b"\xef\xbb\xbf").startswith(LFS):
            raise ValueError(
                f"{self.path} is a Git LFS pointer, not the file itself: fetch it (git lfs pull)"
            )

    def _check_page(self) -> None:
        head = self.head.lstrip().lower()
        if head.startswith(("<!doctype html", "<html")):
            raise ValueError(f"{self.path} is an HTML page, not data: download the raw file")
        if head.startswith(("//", "/*")) or COMMENTED.match(head):
            raise ValueError(f"{self.path} has comments before JSON: remove them")
        if head.startswith("<"):
            raise ValueError(f"{self.path} is XML: save it as CSV or JSON lines first")


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _encoding(start: bytes) -> str | None:
    """Returns the encoding of a text by its first bytes, or None if it is no text."""
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    if _binary(start) != UNKNOWN:
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if even + odd <= STRAY * len(start):
        return "utf-8-sig"
    if min(even, odd) == 0 and max(even, odd) >= WIDE * len(start) / 2:
        return "utf-16-le" if odd else "utf-16-be"
    return None


def _binary(start: bytes) -> str:
    if start[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    return next((what for magic, what in BINARY.items() if start.startswith(magic)), UNKNOWN)
