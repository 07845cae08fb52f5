"""Crystal structure generation: new crystals of chosen elements, as one dynamic jobflow flow.

For example, from a folder made by ``matsearch init``::

    from jobflow import run_locally
    from flows.generate import build

    run_locally(build(["Na", "Zn", "S"], store="mongodb://localhost:27017/matsearch"))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobflow import Flow

from matsearch.graph.api import resolve_config
from matsearch.graph.makers import CampaignMaker


def build(
    elements: Sequence[str] = (),
    config: str | Path = "generate",
    store: str = "sqlite:///matsearch.sqlite",
    changes: Mapping[str, Any] | None = None,
) -> Flow:
    """Return the flow that searches for crystals of some elements.

    Parameters
    ----------
    elements : sequence of str
        Symbols, or ``["any"]``; empty: those of the configuration.
    config : str or Path
        A YAML file, or the name of a packaged one: who proposes, how much, how long.
    store : str
        Repository URI that the jobs can reach.
    changes : mapping of str to object, optional
        Other keys by dotted name, as ``--set`` takes them: ``{"propose": {"share": {"operators": 3, "random": 1}}}``
        does without a language model.
    """
    chosen = {"system.elements": list(elements)} if elements else {}
    return CampaignMaker(store=store).make(
        resolve_config(config, {**chosen, **(changes or {})}).model_dump(mode="json")
    )
