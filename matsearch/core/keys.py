"""Ids and keys. An id names a proposal and is fixed at birth; a key names content and is shared by duplicates."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, shortest round-trip floats, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def content_key(kind: str, content: Any) -> str:
    """Return the sha256 of a value under a name that keeps kinds apart.

    Parameters
    ----------
    kind : str
        What the content is, with its version (``relax/1``).
    content : Any
        JSON types only.
    """
    return hashlib.sha256(f"{kind}\n{canonical_json(content)}".encode()).hexdigest()


def candidate_id(campaign_id: str, generation: int, proposer: str, slot: int, index: int) -> str:
    """Return the id of a proposal: 16 hex digits over where it was born, whatever it is.

    Parameters
    ----------
    index : int
        Position within the reply of one slot.
    """
    return content_key("candidate/1", [campaign_id, generation, proposer, slot, index])[:16]
