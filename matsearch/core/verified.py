"""What an independent calculation said of one candidate."""

from enum import StrEnum

from matsearch.core.model import Record

SURVIVOR, CONTROL = "survivor", "control"
"""Roles of who is sent: predicted to be under the threshold, or not."""


class Standing(StrEnum):
    """What an independent calculation made of a prediction."""

    PENDING = "pending"
    """Sent; there is no answer yet."""

    CONFIRMED = "confirmed"
    """Under the threshold against phases of which every one that matters was computed alike."""

    INDICATIVE = "indicative"
    """No more than a hint: a phase that matters was not computed, or energies of different kinds meet. The reasons say."""

    REFUTED = "refuted"
    """At or over the threshold. Phases that were not computed could only push it further up."""

    FAILED = "failed"
    """The calculation ended in a verdict. It stays in the denominator."""


class Verified(Record):
    """What DFT said of one candidate.

    Attributes
    ----------
    standing : Standing
    role : str
        ``survivor`` or ``control``.
    reasons : tuple of str
        Why it is no more than indicative, or why it failed, or what else is to be known (a known phase, another crystal,
        magnetism); one line each.
    energy_above_hull : float or None
        In eV/atom against the hull of what was computed alike (the candidate itself left out); negative is below.
    formation_energy_per_atom : float or None
        In eV/atom, raw, against elements computed alike.
    decomposition : dict of str to float
        Phases computed alike that it would decompose into, by fraction of atoms.
    predicted_energy_above_hull : float
        Of the potential, in eV/atom.
    threshold : float
        In eV/atom: what was to be confirmed.
    settings_key, calculation_key : str
        Content keys of the settings and of the calculation.
    n_phases : int
        On the hull's side: reference phases computed alike in the candidate's chemical system.
    core_hours : float
    round : int
    """

    standing: Standing
    role: str
    reasons: tuple[str, ...] = ()
    energy_above_hull: float | None = None
    formation_energy_per_atom: float | None = None
    decomposition: dict[str, float] = {}
    predicted_energy_above_hull: float
    threshold: float
    settings_key: str
    calculation_key: str
    n_phases: int = 0
    core_hours: float = 0.0
    round: int = 0
