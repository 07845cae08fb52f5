"""A whole search as one dynamic jobflow flow, for FireWorks, jobflow-remote or ``run_locally``.

For example, from a folder made by ``matsearch init``::

    from jobflow import run_locally
    from flows.search import build

    run_locally(build("configs/quickstart.yaml", store="mongodb://localhost:27017/matsearch"))
"""

from pathlib import Path

from jobflow import Flow

from matsearch.graph.api import resolve_config
from matsearch.graph.makers import CampaignMaker


def build(config: str | Path, store: str = "sqlite:///matsearch.sqlite") -> Flow:
    """Return the flow of a configuration.

    Parameters
    ----------
    config : str or Path
        A YAML file, or the name of a packaged one.
    store : str
        Repository URI that the jobs can reach.
    """
    return CampaignMaker(store=store).make(resolve_config(config).model_dump(mode="json"))
