"""Crystal discovery as workflow graphs: propose, screen, verify, learn.

The Python interface is four functions; they import what they need when they are called::

    from matsearch import search

    result = search("configs/quickstart.yaml")
    result.to_dataframe()
"""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matsearch.graph.api import evaluate, screen, search, verify_campaign

__all__ = ["__version__", "evaluate", "screen", "search", "verify_campaign"]

try:
    __version__ = version("matsearch")
except PackageNotFoundError:
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name in {"evaluate", "screen", "search", "verify_campaign"}:
        from matsearch.graph import api

        return getattr(api, name)
    raise AttributeError(f"module 'matsearch' has no attribute {name!r}")
