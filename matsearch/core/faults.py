"""Places where a test may kill the process, to show that nothing committed is lost there. Else they do nothing."""

import os
import signal
from collections import Counter

KILL_VARIABLE = "MATSEARCH_KILL_AT"
"""Environment variable: the name of a boundary, or ``name#N`` for its N-th passage."""

_passages: Counter[str] = Counter()


def boundary(name: str) -> None:
    """Kill this process, as a power cut would, if ``MATSEARCH_KILL_AT`` names this passage of this boundary."""
    wanted = os.environ.get(KILL_VARIABLE)
    if not wanted:
        return
    _passages[name] += 1
    where, _, number = wanted.partition("#")
    if where == name and _passages[name] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
