"""The one place where an unexpected exception becomes a verdict."""

import os
import traceback
from collections.abc import Callable
from typing import TypeVar

from matsearch.core.verdict import FailureKind, Verdict

T = TypeVar("T")

RERAISE_VARIABLE = "MATSEARCH_RERAISE"


def contained(stage: str, work: Callable[[], T]) -> T | Verdict:
    """Do the work; an exception nobody expected becomes an ``internal_error`` with its traceback.

    With ``MATSEARCH_RERAISE`` set (as in the tests) it is raised again.
    """
    try:
        return work()
    except MemoryError as error:
        return Verdict(kind=FailureKind.OUT_OF_MEMORY, stage=stage, detail=str(error) or "out of memory")
    except Exception as error:
        if os.environ.get(RERAISE_VARIABLE):
            raise
        return Verdict(
            kind=FailureKind.INTERNAL_ERROR,
            stage=stage,
            detail=f"{type(error).__name__}: {error}"[:500],
            traceback=traceback.format_exc(),
        )
