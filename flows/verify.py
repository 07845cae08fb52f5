"""Verification of a search's survivors by DFT, alone or with the search before it, for a workflow manager.

For example, from a folder made by ``matsearch init``::

    from jobflow import run_locally
    from flows.verify import build

    run_locally(build("configs/quickstart.yaml", store="mongodb://localhost:27017/matsearch", search=True))
"""

from pathlib import Path

from jobflow import Flow

from matsearch.graph.api import resolve_config
from matsearch.graph.makers import CampaignMaker
from matsearch.graph.verify_makers import VerifyMaker


def build(config: str | Path, store: str = "sqlite:///matsearch.sqlite", *, search: bool = False) -> Flow:
    """Return the flow of a configuration.

    Parameters
    ----------
    config : str or Path
        A YAML file, or the name of a packaged one; its ``verify`` section says whom to send and how they are computed.
    store : str
        Repository URI that the jobs can reach.
    search : bool
        Whether to run the search first; without, it is in the repository already.
    """
    document = resolve_config(config).model_dump(mode="json")
    verify = VerifyMaker(store=store)
    if not search:
        return verify.make(document)
    found = CampaignMaker(store=store).make(document)
    verified = verify.make(document, found.output.campaign_id)
    return Flow([found, verified], output=verified.output, name=f"{found.name}, verified")
