"""Crystal structure prediction: the crystals of given formulas, any number of formula units, as one jobflow flow.

For example, from a folder made by ``matsearch init``::

    from jobflow import run_locally
    from flows.predict import build

    run_locally(build("KZnF3", changes={"system.max_atoms": 10}))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobflow import Flow

from matsearch.graph.api import resolve_config
from matsearch.graph.makers import CampaignMaker


def build(
    formulas: str | Sequence[str],
    config: str | Path = "predict",
    store: str = "sqlite:///matsearch.sqlite",
    changes: Mapping[str, Any] | None = None,
) -> Flow:
    """Return the flow that predicts the crystal structures of formulas.

    Parameters
    ----------
    formulas : str or sequence of str
        Such as ``"TiO2"``; their elements are those of the search.
    config : str or Path
        A YAML file, or the name of a packaged one: who proposes, how much, how long.
    store : str
        Repository URI that the jobs can reach.
    changes : mapping of str to object, optional
        Other keys by dotted name, as ``--set`` takes them: ``{"system.max_atoms": 10}``.
    """
    chosen = {"system.formulas": [formulas] if isinstance(formulas, str) else list(formulas)}
    return CampaignMaker(store=store).make(
        resolve_config(config, {**chosen, **(changes or {})}).model_dump(mode="json")
    )
