"""A process that reads replies: ``python -m matsearch.parse.reply.worker``, JSON lines in and out.

Each line in is a reply; out come the number of its drafts and then, as they are read, what was found in each. What a
reply does to this process, it does to nobody else. It ends by itself when its standard input closes, so it never
outlives its parent.
"""

import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from matsearch.parse.reply.draft import Draft
from matsearch.parse.reply.found import Found
from matsearch.parse.reply.reading import drafts_of, read_draft
from matsearch.potentials.serve import read_in_background, write_line

MEMORY = 2 << 30
"""Bytes of address space."""

_LIMITS = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_FSIZE: 1 << 20,
    resource.RLIMIT_CORE: 0,
}


def main(read: Callable[[Draft], Found] = read_draft) -> None:
    """Serve until standard input closes.

    Parameters
    ----------
    read : callable
        What reads one draft.
    """
    # libraries print to standard output; the protocol keeps the real one to itself
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    requests = read_in_background(sys.stdin)
    for what, limit in _LIMITS.items():
        _lower(what, limit)
    write_line(replies, {"ready": True})
    while True:
        for message in answers(requests.get(), read):
            write_line(replies, message)


def answers(request: dict[str, Any], read: Callable[[Draft], Found]) -> Iterator[dict[str, Any]]:
    """Yield the messages that answer a request: how many drafts, then what was found in each that is not skipped."""
    drafts, nothing = drafts_of(request["text"], cut_off=request["cut_off"])
    yield {"drafts": len(drafts)}
    if nothing:
        yield {"found": nothing.document()}
    for draft in drafts[request["skip"] :]:
        yield {"found": read(draft).document()}


def _lower(what: int, limit: int) -> None:
    # systems differ in which limits they know, and one that is lower already stays
    with suppress(ValueError, OSError):
        highest = resource.getrlimit(what)[1]
        lower = limit if highest == resource.RLIM_INFINITY else min(limit, highest)
        resource.setrlimit(what, (lower, lower))


if __name__ == "__main__":
    main()
