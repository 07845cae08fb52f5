"""Crystal structure prediction: the crystals of given formulas, any number of formula units, as one jobflow flow.

For example, from a folder made by ``matsearch init``::

    from jobflow import run_locally
    from flows.predict import build

    run_locally(build("KZnF3", max_atoms=10))
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobflow import Flow

from matsearch.graph.api import resolve_config
from matsearch.graph.makers import CampaignMaker


def build(
    formulas: str | Sequence[str],
    max_atoms: int | None = None,
    config: str | Path = "predict",
    store: str = "sqlite:///matsearch.sqlite",
    **changes: Any,
) -> Flow:
    """Return the flow that predicts the crystal structures of formulas.

    Parameters
    ----------
    formulas : str or sequence of str
        Such as ``"TiO2"``; their elements are those of the search.
    max_atoms : int or None
        Of the largest cell; None: as configured.
    config : str or Path
        A YAML file, or the name of a packaged one: who proposes, how much, how long.
    store : str
        Repository URI that the jobs can reach.
    **changes
        Keys to change by dotted name, with two underscores for the dot: ``population__proposals=50``.
    """
    asked: dict[str, Any] = {"system.formulas": [formulas] if isinstance(formulas, str) else list(formulas)}
    if max_atoms is not None:
        asked["system.max_atoms"] = max_atoms
    asked |= {key.replace("__", "."): value for key, value in changes.items()}
    return CampaignMaker(store=store).make(resolve_config(config, asked).model_dump(mode="json"))
