"""The content of a file, unpacked if it is gzip, bzip2 or xz, and never more than a limit of it."""

import bz2
import gzip
import hashlib
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any, cast

from matsearch.core.errors import InputError

MAX_BYTES = 2_000_000_000
_PIECE = 1 << 20
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}
_OPENERS: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


def read_file(path: Path) -> tuple[bytearray, str]:
    """Return a file's content as it lies there, and its sha256.

    Raises
    ------
    InputError
        If it is no readable file or holds more than ``MAX_BYTES``.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"cannot read entries from {path}: it is no file", "give a file of entries")
        with path.open("rb") as file:
            content = _limited(file, path)
    except OSError as error:
        raise InputError(
            f"cannot read entries from {path}: {error.strerror or error}",
            "check the path and its permissions",
        ) from error
    return content, hashlib.sha256(content).hexdigest()


def read_unpacked(path: Path) -> tuple[bytearray, str]:
    """Read a file once and unpack it by what it holds.

    Returns
    -------
    content, sha256
        The unpacked content, and the hash of the file as it lies there.

    Raises
    ------
    InputError
        If it is no readable file, is damaged, or holds more than ``MAX_BYTES`` packed or unpacked.
    """
    packed, sha256 = read_file(path)
    packing = next((name for magic, name in _MAGIC.items() if packed.startswith(magic)), None)
    claimed = _SUFFIXES.get(path.suffix.lower())
    if packing is None and claimed is not None:
        raise InputError(f"cannot read entries from {path}: it is not {claimed}", "pack it, or rename it")
    if packing is None:
        return packed, sha256
    try:
        with cast("IO[bytes]", _OPENERS[packing](io.BytesIO(packed))) as stream:
            return _limited(stream, path), sha256
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(
            f"cannot read entries from {path}: {error}", "the file is damaged: get it anew"
        ) from error


def _limited(stream: IO[bytes], path: Path) -> bytearray:
    content = bytearray()
    while piece := stream.read(_PIECE):
        content += piece
        if len(content) > MAX_BYTES:
            raise InputError(f"{path} holds more than {MAX_BYTES} bytes", "split it by chemical system")
    return content
