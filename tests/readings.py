"""What tests of reading do with a text: how it is refused, and that it takes no longer than it may."""

import gc
import time
from contextlib import contextmanager

import numpy as np
import pytest

from matsearch.crystal.languages.language import Unreadable

CPU_LIMIT_S = 1.0
_STEPS, _STEPS_S = 300_000, 0.02
"""What the machine that limits are stated for does in that time."""


@contextmanager
def within_cpu(limit_s):
    """Hold the work to so many seconds of this process, stated for a machine of a known pace.

    What other tests have left in memory is not walked through meanwhile; where the limit is passed, it is that of a
    machine as slow as this one is now.
    """
    gc.disable()
    start = time.process_time()
    try:
        yield
    finally:
        spent = time.process_time() - start
        gc.enable()
        assert spent < limit_s or spent < limit_s * _slowness(), f"{spent:.2f} s"


def read_in_time(language, text):
    """Return what is read; whatever the text, a second is enough."""
    with within_cpu(CPU_LIMIT_S):
        return language.read(text)


def refused(read, text):
    """Return how a text is refused: with a detail of one line."""
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert caught.value.detail
    assert "\n" not in caught.value.detail
    return caught.value


def general_sites(n):
    """Return so many sites of iron in general positions."""
    return [f"Fe {x:.4f} {y:.4f} {z:.4f}" for x, y, z in np.random.default_rng(0).random((n, 3))]


def _slowness():
    start = time.process_time()
    total = 0
    for step in range(_STEPS):
        total += step * step % 7
    return max(1.0, (time.process_time() - start) / _STEPS_S)
