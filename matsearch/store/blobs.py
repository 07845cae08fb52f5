"""Bytes by their sha256, in pieces that every database takes."""

import hashlib

from matsearch.core.errors import StoreError
from matsearch.store.backend import Backend, equal
from matsearch.store.tables import BLOBS, CHUNKS, make_row, now

CHUNK_SIZE = 8 * 1024 * 1024
"""Bytes; below the 16 MB of a MongoDB document."""


def put_blob(backend: Backend, content: bytes) -> str:
    """Store bytes and return their sha256. The head is written last: who sees it finds all chunks."""
    sha256 = hashlib.sha256(content).hexdigest()
    if backend.count(BLOBS, equal(id=sha256)):
        return sha256
    with backend.transaction():
        for number, start in enumerate(range(0, len(content), CHUNK_SIZE)):
            piece = content[start : start + CHUNK_SIZE]
            backend.insert(CHUNKS, make_row(f"{sha256}:{number}", blob=sha256, number=number, content=piece))
        backend.insert(BLOBS, make_row(sha256, {}, size=len(content), created_at=now()))
    return sha256


def get_blob(backend: Backend, sha256: str) -> bytes | None:
    """Return stored bytes.

    Raises
    ------
    StoreError
        If they are no longer what was stored.
    """
    if not backend.count(BLOBS, equal(id=sha256)):
        return None
    chunks = backend.find(CHUNKS, equal(blob=sha256), sort=("number",), fields=("content",))
    content = b"".join(chunk["content"] for chunk in chunks)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError(
            f"{backend.location}: blob {sha256} is damaged", "restore the repository from a copy"
        )
    return content
