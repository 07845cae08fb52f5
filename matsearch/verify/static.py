"""The cheapest verifier: another potential's energy and forces on the relaxed geometry."""

from collections.abc import Sequence

from matsearch.core.boundary import contained
from matsearch.core.protocols import Potential, Verification
from matsearch.core.records import Candidate, Frame
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.potentials.frames import static_frame


class StaticVerifier:
    """Compute one frame for each survivor with a potential; says nothing about stability by itself.

    Parameters
    ----------
    potential : Potential
        Need not be the one that relaxed the survivors; its scheme is on every frame.
    """

    def __init__(self, potential: Potential) -> None:
        self.name = f"static {potential.info.name} {potential.info.version}"
        self._potential = potential

    def verify(self, batch: Sequence[Candidate]) -> list[Verification]:
        """Return one verification a candidate, in order."""
        return [self._verify(candidate) for candidate in batch]

    def _verify(self, candidate: Candidate) -> Verification:
        made = contained("verify", lambda: self._frame(candidate))
        if isinstance(made, Verdict):
            return Verification(candidate_id=candidate.candidate_id, backend=self.name, verdict=made)
        return Verification(candidate_id=candidate.candidate_id, backend=self.name, frame=made)

    def _frame(self, candidate: Candidate) -> Frame | Verdict:
        if candidate.best_structure is None:
            return Verdict(kind=FailureKind.NO_PROPOSAL, stage="verify", detail="no structure to verify")
        return static_frame(candidate.best_structure, self._potential)
