"""The numbers of a report: what its page, its figures and ``report.json`` are made of."""

from matsearch.core.model import Record


class FunnelStep(Record):
    """One count of the funnel and what it is a share of.

    Attributes
    ----------
    of : str or None
        Name of the step whose count is the denominator; None at the beginning.
    total : int or None
        That count.
    """

    name: str
    count: int
    meaning: str
    of: str | None = None
    total: int | None = None

    @property
    def share(self) -> float | None:
        """Count over denominator; None without one, or where it is zero."""
        return self.count / self.total if self.total else None


class VerdictCount(Record):
    """How many candidates ended in one way at one stage; ``example`` is the first one's detail."""

    stage: str
    kind: str
    count: int
    example: str


class GenerationNumbers(Record):
    """One generation. Energies count distinct scored crystals that are believed.

    Attributes
    ----------
    proposed : int
        Candidates with a structure.
    distinct : int
        Distinct scored believed crystals born in it.
    best_so_far, best, median : float or None
        Energy above hull in eV/atom: lowest up to here, lowest and median of those born here.
    metastable, metastable_so_far : int
        Of ``distinct``, those under 0.1 eV/atom: born here, and up to here.
    restarted : bool
        Whether the search stagnated, so that the next generation began from the seeds again.
    """

    generation: int
    proposed: int
    distinct: int
    best_so_far: float | None
    best: float | None
    median: float | None
    metastable: int
    metastable_so_far: int
    restarted: bool


class OperatorNumbers(Record):
    """What one operator came to.

    Attributes
    ----------
    proposed, valid : int
        Candidates; those that passed sanity.
    relaxations : int
        Distinct cells that it sent to relaxation, those that ended in a verdict there too.
    distinct : int
        Scored crystals that it found first, flagged ones included.
    metastable : int
        Those believed and under 0.1 eV/atom that are not their own root, the known phase they descend from.
    per_100, per_100_low, per_100_high : float or None
        Metastable crystals per 100 relaxations, with the 95 percent Wilson interval; None without a relaxation.
    best : float or None
        Lowest believed energy above hull of those that are not their own root, in eV/atom.
    """

    operator: str
    proposed: int
    valid: int
    relaxations: int
    distinct: int
    metastable: int
    per_100: float | None
    per_100_low: float | None
    per_100_high: float | None
    best: float | None


class ElementShares(Record):
    """Mean atomic fraction of each element over the proposals of a generation, and over the crystals they came from."""

    generation: int
    proposed: dict[str, float]
    parents: dict[str, float]


class Ancestor(Record):
    """A candidate in the line of another."""

    candidate_id: str
    generation: int
    operator: str
    formula: str
    energy_above_hull: float | None
    parent_ids: tuple[str, ...]
    details: dict[str, str | int | float]


class Line(Record):
    """The ancestors of a candidate within its campaign, youngest first.

    Attributes
    ----------
    left_out : int
        Older ancestors that are not listed.
    roots : tuple of str
        Known phases or files at its beginning.
    """

    ancestors: tuple[Ancestor, ...]
    left_out: int
    roots: tuple[str, ...]


class HullPhase(Record):
    """A reference phase in a diagram; formation energy in eV/atom against the hull's elements."""

    phase_id: str
    formula: str
    fractions: tuple[float, ...]
    formation_energy_per_atom: float
    on_hull: bool


class HullPoint(Record):
    """A candidate in a diagram; energies in eV/atom."""

    candidate_id: str
    formula: str
    fractions: tuple[float, ...]
    formation_energy_per_atom: float
    energy_above_hull: float


class HullDiagram(Record):
    """A binary or ternary phase diagram with a campaign's crystals.

    Attributes
    ----------
    elements : tuple of str
        In the order of all ``fractions`` (by atoms).
    phases : tuple of HullPhase
        Of each composition the lowest.
    tie_lines : tuple of pairs of int
        Positions in ``phases`` that coexist.
    points : tuple of HullPoint
        Believed distinct crystals, best last so that it is drawn on top.
    """

    elements: tuple[str, ...]
    phases: tuple[HullPhase, ...]
    tie_lines: tuple[tuple[int, int], ...]
    points: tuple[HullPoint, ...]
