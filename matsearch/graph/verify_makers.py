"""The Maker of verification, in atomate2's grammar."""

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Maker, OutputReference

from matsearch.core.config import parse_config
from matsearch.graph.verify_jobs import plan_verification
from matsearch.store import absolute_uri


@dataclass
class VerifyMaker(Maker):
    """One round of verification as a dynamic flow: plan, a calculation for all that is missing, conclude.

    Calculations that failed are verdicts and stop nothing. Those that ended for want of time or memory, or were killed,
    are left open: the same flow again, or ``matsearch verify``, plans what is missing. GPAW goes on from where it was if
    ``verify.run.folder`` names a folder that all jobs reach; without, files go beside a SQLite repository, else to the
    folder in which the planning job runs.

    Parameters
    ----------
    store : str
        URI of the repository, reachable from the jobs.
    """

    name: str = "verify"
    store: str = "sqlite:///matsearch.sqlite"

    def make(self, config: dict[str, Any], campaign_id: str | OutputReference | None = None) -> Flow:
        """Return the flow; its output is a :class:`~matsearch.graph.verify_documents.VerificationDocument`.

        Parameters
        ----------
        config : dict
            A search configuration; its ``verify`` section says whom to send and how they are computed.
        campaign_id : str or OutputReference, optional
            A campaign of the repository, or the ``campaign_id`` of a search's output. Default: that of the
            configuration's own search.
        """
        search = parse_config(config)
        if campaign_id is None:
            from matsearch.pipeline.campaign import campaign_id as identity
            from matsearch.pipeline.tools import build_tools

            campaign_id = identity(search, build_tools(search))
        first = plan_verification(search.model_dump(mode="json"), campaign_id, absolute_uri(self.store))
        first.name = f"plan {self.name}"
        return Flow([first], output=first.output, name=f"{self.name} {search.name}")
