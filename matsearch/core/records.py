"""The records that flow: candidates and what the stages add to them."""

from typing import Any, Literal, Self

from matsearch.core.keys import candidate_id
from matsearch.core.model import Record
from matsearch.core.structures import StructureField
from matsearch.core.verdict import Verdict
from matsearch.core.verified import Verified


class Lineage(Record):
    """Where a candidate came from.

    Attributes
    ----------
    operator : str
        The operator or prompt that made it.
    parent_ids : tuple of str
        Candidates or known phases it was made from.
    roots : tuple of str
        Known phases at the beginning of its line, sorted.
    details : dict
        What the operator did (element map, strain, ...), JSON types.
    """

    operator: str
    parent_ids: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    details: dict[str, str | int | float] = {}


class Relaxation(Record):
    """A relaxed crystal.

    Attributes
    ----------
    structure : Structure
        The relaxed structure, sites in the order of the canonical form.
    energy, energy_per_atom, initial_energy_per_atom : float
        In eV and eV/atom.
    n_steps : int
        Optimizer steps.
    fmax : float
        Largest force component norm at the end, cell included, in eV/angstrom.
    volume_ratio : float
        Relaxed over proposed volume.
    magmoms : tuple of float or None
        Magnitudes in Bohr magnetons, one a site.
    potential, potential_sha256, scheme_id : str
        What computed it.
    relax_key : str
        The content key under which it is cached.
    """

    structure: StructureField
    energy: float
    energy_per_atom: float
    initial_energy_per_atom: float
    n_steps: int
    fmax: float
    volume_ratio: float
    magmoms: tuple[float, ...] | None = None
    potential: str
    potential_sha256: str
    scheme_id: str
    relax_key: str


class RelaxOutcome(Record):
    """What relaxing one crystal came to: a relaxation or a verdict, never both."""

    relaxation: Relaxation | None = None
    verdict: Verdict | None = None


class HullPlacement(Record):
    """A candidate's place against a named reference hull.

    Attributes
    ----------
    energy_above_hull : float
        Signed, in eV/atom: negative is below the reference hull.
    formation_energy_per_atom : float
        In eV/atom, against the hull's elements.
    decomposition : dict of str to float
        Reference phases (``formula (id)``) it would decompose into, by fraction of atoms.
    hull_name, hull_sha256, hull_scheme_id : str
        Which hull.
    n_phases : int
        Reference entries in the hull's chemical system, subsystems included.
    complete : bool
        Whether the hull claims to be complete for the system. Only then may a phase be called stable.
    correction_per_atom : float
        In eV/atom, added to the candidate's own energy to bring it to the hull's scale.
    opinions : dict of str to float
        Other potentials (name and version) and the energy above hull (eV/atom) that each gives the same geometry.
    failed_opinions : dict of str to Verdict
        Other potentials that were asked and have no answer, and why.
    energy_above_hull_uncertainty : float or None
        Sample standard deviation (eV/atom) of ``energy_above_hull`` and the opinions; None without any.
    """

    energy_above_hull: float
    formation_energy_per_atom: float
    decomposition: dict[str, float]
    hull_name: str
    hull_sha256: str
    hull_scheme_id: str
    n_phases: int
    complete: bool
    correction_per_atom: float = 0.0
    opinions: dict[str, float] = {}
    failed_opinions: dict[str, Verdict] = {}
    energy_above_hull_uncertainty: float | None = None


class PropertyValue(Record):
    """A number with its unit, its uncertainty (or none) and what made it."""

    value: float
    unit: str
    uncertainty: float | None = None
    source: str


class OxidationStates(Record):
    """Formal charges of a crystal's atoms, as far as the evidence decides them.

    Attributes
    ----------
    states : tuple of int or None
        One a site, in e; None is unknown.
    decided : bool
        Whether all are known and the cell is neutral.
    total : int or None
        Their sum, where all are known.
    method : str or None
        What decided: ``fixed valences`` (elements and bonds alone), ``moments`` (each moment fits one state, and the
        cell is neutral), ``moments and neutrality`` (only one choice among the fitting states is neutral),
        ``neutrality`` (moments say nothing of the open element; one state of it is neutral). None if undecided.
    reason : str
        Why it is undecided; empty if it is not.
    """

    states: tuple[int | None, ...]
    decided: bool
    total: int | None = None
    method: Literal["fixed valences", "moments", "moments and neutrality", "neutrality"] | None = None
    reason: str = ""


class KnownMatch(Record):
    """A known phase that a candidate turned out to be.

    Attributes
    ----------
    kind : str
        ``structure`` (StructureMatcher agrees) or ``composition_and_energy`` (same formula, within 20 meV/atom).
    known_id : str
        The phase.
    own_root : bool
        Whether the candidate descends from this very phase, so that finding it again is no discovery.
    """

    kind: Literal["structure", "composition_and_energy"]
    known_id: str
    own_root: bool = False


class NearestKnown(Record):
    """The known crystal whose structure is most like a candidate's, whatever its elements.

    Attributes
    ----------
    distance : float
        Between the two fingerprints (``crystal.fingerprint``); 0 is the same arrangement.
    isotypic : bool
        Whether StructureMatcher finds the two isotypic (``fit_anonymous``).
    """

    known_id: str
    formula: str
    distance: float
    isotypic: bool


class Candidate(Record):
    """One proposal, from birth to its end. Stages return copies with more fields filled; none is dropped.

    Attributes
    ----------
    repairs : tuple of str
        What was mended in the text it was read from, one line each.
    verification : Verified or None
        What DFT said of it; None where it was not sent, or is not done.
    """

    candidate_id: str
    campaign_id: str
    generation: int
    proposer: str
    slot: int
    index: int
    lineage: Lineage
    structure: StructureField | None = None
    structure_key: str | None = None
    relaxation: Relaxation | None = None
    placement: HullPlacement | None = None
    properties: dict[str, PropertyValue] = {}
    oxidation_states: OxidationStates | None = None
    charge_balance: Literal["yes", "no", "not applicable"] | None = None
    match: KnownMatch | None = None
    nearest_known: NearestKnown | None = None
    spacegroup: str | None = None
    prototype: str | None = None
    duplicate_of: str | None = None
    flags: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    verification: Verified | None = None
    verdict: Verdict | None = None

    @classmethod
    def born(
        cls, campaign_id: str, generation: int, proposer: str, slot: int, index: int = 0, **fields: Any
    ) -> Self:
        """Return a new candidate, whose id says where it was born; ``fields`` are its others."""
        return cls(
            candidate_id=candidate_id(campaign_id, generation, proposer, slot, index),
            campaign_id=campaign_id,
            generation=generation,
            proposer=proposer,
            slot=slot,
            index=index,
            **fields,
        )

    @property
    def alive(self) -> bool:
        """Whether no stage has ended it."""
        return self.verdict is None

    @property
    def formula(self) -> str:
        """Reduced formula, or an empty string without a structure."""
        return self.structure.composition.reduced_formula if self.structure is not None else ""

    @property
    def best_structure(self) -> StructureField | None:
        """The relaxed structure where there is one, else the proposed one."""
        return self.relaxation.structure if self.relaxation else self.structure

    def objective(self, name: str) -> float | None:
        """Return the value of an objective by name, or None where it was not computed."""
        if name == "energy_above_hull":
            return self.placement.energy_above_hull if self.placement else None
        if name == "formation_energy_per_atom":
            return self.placement.formation_energy_per_atom if self.placement else None
        return self.properties[name].value if name in self.properties else None


class Parent(Record):
    """What a proposer is given to build on: a scored candidate or a known phase.

    Attributes
    ----------
    energy_above_hull : float or None
        In eV/atom; None where it was not computed.
    decomposition : dict of str to float
        As in :class:`HullPlacement`.
    properties : dict of str to PropertyValue
        The other objectives.
    island : int or None
        The population it breeds in; None is any.
    """

    parent_id: str
    structure: StructureField
    roots: tuple[str, ...] = ()
    energy_above_hull: float | None = None
    decomposition: dict[str, float] = {}
    properties: dict[str, PropertyValue] = {}
    island: int | None = None


class Frame(Record):
    """One labelled configuration: training data for potentials.

    Attributes
    ----------
    energy : float
        In eV.
    forces : tuple of 3-tuples or None
        In eV/angstrom.
    stress : 3x3 tuple or None
        In GPa, tension positive.
    magmoms : tuple of float or None
        In Bohr magnetons.
    """

    structure: StructureField
    energy: float
    forces: tuple[tuple[float, float, float], ...] | None = None
    stress: tuple[tuple[float, float, float], ...] | None = None
    magmoms: tuple[float, ...] | None = None
    scheme_id: str
    source: str
