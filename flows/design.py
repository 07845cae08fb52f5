"""Multi-objective design: crystals that are good in several ways at once, as one dynamic jobflow flow.

For example, from a folder made by ``matsearch init``::

    from jobflow import run_locally
    from flows.design import build

    stiff = {"name": "bulk_modulus", "direction": "maximize"}
    light = {"name": "density", "direction": "target", "target": [2.0, 4.0]}
    run_locally(build([stiff, light], elements=["Al", "Si", "C", "N"]))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobflow import Flow

from matsearch.graph.api import resolve_config
from matsearch.graph.makers import CampaignMaker

STABLE = {"name": "energy_above_hull", "direction": "minimize", "at_most": 0.2}


def build(
    objectives: Sequence[Mapping[str, Any]] = (),
    elements: Sequence[str] = (),
    config: str | Path = "design",
    store: str = "sqlite:///matsearch.sqlite",
    changes: Mapping[str, Any] | None = None,
) -> Flow:
    """Return the flow that searches the Pareto front of stability and other objectives.

    Parameters
    ----------
    objectives : sequence of mapping
        Beside stability, as in the section ``objectives`` of a configuration; empty: those of the configuration.
    elements : sequence of str
        Symbols; empty: those of the configuration.
    config : str or Path
        A YAML file, or the name of a packaged one: who proposes, how much, how long.
    store : str
        Repository URI that the jobs can reach.
    changes : mapping of str to object, optional
        Other keys by dotted name, as ``--set`` takes them: ``{"selection.niches": 0.5}``.
    """
    chosen: dict[str, Any] = {"objectives": [STABLE, *map(dict, objectives)]} if objectives else {}
    if elements:
        chosen["system.elements"] = list(elements)
    return CampaignMaker(store=store).make(
        resolve_config(config, {**chosen, **(changes or {})}).model_dump(mode="json")
    )
