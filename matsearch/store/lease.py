"""The lease of a campaign: one driver at a time, and a dead one does not block the next."""

import os
import socket
import time
from pathlib import Path

from matsearch.core.errors import CampaignBusyError
from matsearch.store.backend import Backend, equal
from matsearch.store.tables import LEASES, make_row

EXPIRY_S = 120.0
"""Without renewal, after which a lease held on another host is taken over."""

_TRIES = 20


def owner(pid: int | None = None) -> str:
    """Return a process's name for leases: ``host:pid:start``, where the start keeps reused pids apart.

    Parameters
    ----------
    pid : int or None
        On this host; None is this process.
    """
    pid = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}:{pid}:{_process_start(pid) or ''}"


def acquire(backend: Backend, campaign_id: str, claimant: str) -> None:
    """Take or renew the lease of a campaign.

    Raises
    ------
    CampaignBusyError
        If a living driver holds it.
    """
    holder = "another driver"
    for _ in range(_TRIES):
        mine = {"owner": claimant, "renewed": time.time()}
        if backend.insert(LEASES, make_row(campaign_id, {}, **mine)):
            return
        rows = backend.find(LEASES, equal(id=campaign_id), fields=("owner", "renewed"))
        if not rows:
            continue
        seen = rows[0]
        holder = seen["owner"]
        if holder != claimant and holds(holder, seen["renewed"]):
            break
        # only if it is still as seen: of two that find it free, one wins
        if backend.update(LEASES, equal(id=campaign_id, **seen), mine):
            return
    host, pid, _ = _parts(holder)
    who = f"process {pid} on {host}" if pid else repr(holder)
    raise CampaignBusyError(
        f"campaign {campaign_id} is being run by {who}", "wait until it ends, or stop that process"
    )


def release(backend: Backend, campaign_id: str, claimant: str) -> None:
    """Give the lease back, if it is this claimant's."""
    backend.delete(LEASES, equal(id=campaign_id, owner=claimant))


def holds(holder: str, renewed: float) -> bool:
    """Return whether a holder is to be respected: its process lives, or (elsewhere) it renewed lately."""
    host, pid, start = _parts(holder)
    if pid is not None and host == socket.gethostname():
        return _lives(pid, start)
    return time.time() - renewed < EXPIRY_S


def _parts(holder: str) -> tuple[str, int | None, str]:
    host, _, rest = holder.partition(":")
    pid, _, start = rest.partition(":")
    return host, int(pid) if pid.isascii() and pid.isdigit() else None, start


def _lives(pid: int, start: str) -> bool:
    if Path("/proc/self/stat").exists():
        current = _process_start(pid)
        return current is not None and start in {"", current}
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _process_start(pid: int) -> str | None:
    """Return field 22 of the process's stat on Linux; None for one that is dead, a zombie, or elsewhere."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if state in "ZX" else fields[18]
