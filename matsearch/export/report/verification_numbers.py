"""The numbers of verification in a report."""

from typing import Any

from matsearch.core.agreement import ChemistryCount, Confusion, ErrorSummary, Rate
from matsearch.core.model import Record


class RoundNumbers(Record):
    """One round as it was written down before anything was computed, and what it came to.

    Attributes
    ----------
    generation : int
        Generations that the campaign had finished.
    rule : str
        The sampling rule in words, with threshold and seed.
    settings : str
        Code and functional.
    parameters : dict
        The other settings, JSON types.
    survivors, controls : int
        Chosen.
    left_out : dict of str to int
        Not chosen, by reason.
    phases : dict of str to int
        Reference phases to compute alike, by why they are needed.
    without_structure : tuple of str
        Phases that are needed and cannot be computed.
    substitutes : tuple of str
        Small allotropes computed in place of a phase, with their offsets.
    hull : str
        Against what the energies above hull of DFT are.
    predicted_core_hours : float
    """

    round: int
    created_at: str
    generation: int
    rule: str
    settings: str
    scheme_id: str
    parameters: dict[str, Any]
    survivors: int
    controls: int
    left_out: dict[str, int]
    phases: dict[str, int]
    without_structure: tuple[str, ...] = ()
    substitutes: tuple[str, ...] = ()
    hull: str
    predicted_core_hours: float


class SentCrystal(Record):
    """One crystal that was sent, with what the potential and DFT say of it; None where one of them does not.

    Units are those of :class:`matsearch.verify.agreement.AgreementRow`: eV/atom, cubic angstrom an atom, eV/angstrom, GPa.

    Attributes
    ----------
    standing : str
        ``pending``, ``confirmed``, ``indicative``, ``refuted`` or ``failed``.
    reasons : tuple of str
        Why it is no more than indicative, or why it failed.
    decomposition : dict of str to float
        Phases computed alike that it would decompose into, by fraction of atoms.
    predicted_core_hours : float or None
        When it was chosen.
    """

    candidate_id: str
    formula: str
    spacegroup: str | None
    chemistry: str
    round: int
    role: str
    standing: str
    reasons: tuple[str, ...]
    threshold: float
    predicted_energy_above_hull: float
    energy_above_hull: float | None
    predicted_formation_energy: float | None
    formation_energy: float | None
    decomposition: dict[str, float]
    predicted_volume: float | None = None
    volume: float | None = None
    volume_ratio: float | None = None
    largest_force: float | None = None
    rms_force: float | None = None
    pressure: float | None = None
    largest_stress: float | None = None
    n_steps: int | None = None
    predicted_core_hours: float | None = None
    core_hours: float = 0.0


class ErrorLine(ErrorSummary):
    """Potential minus DFT of one quantity, and of which crystals."""

    of: str


class VerificationReport(Record):
    """All that a report shows of verification.

    Attributes
    ----------
    sent : tuple of SentCrystal
        In the order of rounds and choice.
    false_stable, false_unstable : tuple of str
        Candidate ids: survivors refuted; controls found under the threshold.
    rates : tuple of Rate
    beside : str
        How the rates stand beside a published one.
    core_hours : float
        Of all calculations, those of phases too.
    phases_core_hours : float
        Of that, all but the crystals sent.
    predicted_core_hours : float
    """

    rounds: tuple[RoundNumbers, ...]
    sent: tuple[SentCrystal, ...]
    errors: tuple[ErrorLine, ...]
    confusions: tuple[Confusion, ...]
    chemistries: tuple[ChemistryCount, ...]
    false_stable: tuple[str, ...]
    false_unstable: tuple[str, ...]
    rates: tuple[Rate, ...]
    beside: str = ""
    core_hours: float
    phases_core_hours: float
    predicted_core_hours: float

    def crystal(self, candidate_id: str) -> SentCrystal | None:
        """Return what was said of a candidate; None where it was not sent."""
        return next((each for each in self.sent if each.candidate_id == candidate_id), None)
