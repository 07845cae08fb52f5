"""The interfaces between parts. Each has a contract suite in :mod:`matsearch.testing` to subclass."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pymatgen.core import Composition

from matsearch.core.campaign import CampaignRecord, CampaignState, CandidateQuery, Changes, WorkSummary
from matsearch.core.dft import DftOutcome, DftSettings, DftTask
from matsearch.core.labels import Labels
from matsearch.core.model import Record
from matsearch.core.records import Candidate, HullPlacement
from matsearch.core.slots import Slot
from matsearch.core.structures import StructureField
from matsearch.core.verdict import Verdict

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator


@runtime_checkable
class Proposer(Protocol):
    """Parents to proposals. Expands: a slot gives one or more candidates, a failed one a candidate with a verdict."""

    name: str

    def propose(self, slot: Slot) -> list[Candidate]:
        """Return the proposals of a slot; the same slot gives the same proposals."""
        ...


class PotentialInfo(Record):
    """Who computes the energies.

    Attributes
    ----------
    sha256 : str
        Of the weights, or of the parameters where there are no weights.
    elements : frozenset of str or None
        Those it was made for; None is any.
    gives : frozenset of str
        Beyond energy: ``forces``, ``stress``, ``magmoms``, ``charges``, ``uncertainty``.
    """

    name: str
    version: str
    sha256: str
    scheme_id: str
    elements: frozenset[str] | None = None
    gives: frozenset[str] = frozenset({"forces", "stress"})


@runtime_checkable
class Potential(Protocol):
    """An interatomic potential, reached through ASE: eV, eV/angstrom, eV/angstrom^3."""

    info: PotentialInfo

    def calculator(self) -> "Calculator":
        """Return an ASE calculator."""
        ...


@runtime_checkable
class Evaluator(Protocol):
    """Geometries to labels, many in one pass where that is faster. Total: keeps length and order."""

    def evaluate(self, batch: Sequence["Atoms"]) -> list[Labels | Verdict]:
        """Return the labels of each geometry, or why it has none."""
        ...


@runtime_checkable
class BatchedPotential(Potential, Protocol):
    """A potential that computes many crystals in one pass.

    Attributes
    ----------
    company_invariant : bool
        Whether a crystal's labels on the CPU are the same, bit for bit, whatever it shares a pass with.
    """

    company_invariant: bool

    def evaluator(self, device: str = "cpu") -> Evaluator:
        """Return an evaluator on a torch device."""
        ...


class KnownPhase(Record):
    """A phase of a reference set.

    Attributes
    ----------
    energy_per_atom : float
        In eV/atom, in the set's scheme.
    structure : Structure or None
        None where the set holds energies only.
    hypothetical : bool
        Nobody is known to have made it: it supports the hull, but meeting it again is no rediscovery.
    """

    phase_id: str
    formula: str
    energy_per_atom: float
    structure: StructureField | None = None
    hypothetical: bool = False


class HullInfo(Record):
    """Which hull.

    Attributes
    ----------
    sha256 : str
        Of the reference file.
    complete : bool
        Whether it claims to hold every stable phase of its system.
    date : str
        ISO date of its data.
    corrections : str
        Applied to the entries of the file: ``none``, ``mp2020`` or ``mixing``.
    """

    name: str
    scheme_id: str
    sha256: str
    elements: tuple[str, ...]
    n_phases: int
    complete: bool
    date: str = ""
    corrections: str = "none"


@runtime_checkable
class ReferenceHull(Protocol):
    """An immutable convex hull: nothing a campaign finds changes it."""

    info: HullInfo

    def place(
        self, compositions: Sequence[Composition], energies: Sequence[float], scheme_id: str
    ) -> list[HullPlacement]:
        """Place total energies (eV) of compositions, all at once.

        Raises
        ------
        SchemeMismatchError
            If the energies' scheme may not be compared with the hull's as it is.
        ReferenceHullError
            If a composition lies outside the hull's elements.
        """
        ...

    @property
    def element_energies(self) -> Mapping[str, float]:
        """Lowest energy of each pure element, in eV/atom."""
        ...

    def phases(self, formula: str | None = None) -> Sequence[KnownPhase]:
        """Return the known phases, or those of one reduced formula."""
        ...


@runtime_checkable
class PropertyEvaluator(Protocol):
    """One objective value beyond stability. Total: keeps length, order and ids; ends no candidate."""

    name: str
    unit: str

    def evaluate(self, batch: Sequence[Candidate]) -> list[Candidate]:
        """Return the batch with ``properties[name]`` on each living candidate of which it can be known."""
        ...


@runtime_checkable
class Selector(Protocol):
    """Scored candidates to survivors. Contracts; deterministic; never takes one that is not finite."""

    def select(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Return at most ``n`` candidates, best first, independent of the order given."""
        ...


@runtime_checkable
class DftBackend(Protocol):
    """A code that computes crystals independently of the potential that screened them.

    Attributes
    ----------
    name : str
        For people: ``GPAW PBE``.
    settings : DftSettings
        Of every task that it is given.
    """

    name: str
    settings: DftSettings

    def require_ready(self) -> None:
        """Return if calculations can be run here.

        Raises
        ------
        DftError
            Saying in one line what is missing, and the remedy.
        """
        ...

    def run(self, task: DftTask) -> DftOutcome:
        """Carry out one task. Total: every end of a calculation, a killed one too, is an outcome."""
        ...


@runtime_checkable
class ResultCache(Protocol):
    """Results by content key. A key is written once; the first document stays."""

    def get_results(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of those keys that have one."""
        ...

    def begin(self, key: str, owner: str) -> None:
        """Say that work on a key starts, for a campaign."""
        ...

    def put_result(self, key: str, document: Mapping[str, Any], owner: str) -> bool:
        """Commit a result; False if the key had one already. Durable when it returns."""
        ...

    def put_transient(self, key: str, verdict: Verdict, owner: str) -> None:
        """Count an end of the work on a key that is no result: a transient verdict, or a bug (``internal_error``)."""
        ...

    def transient_counts(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how often each key ended in a transient verdict; bugs and keys without one are left out."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...


@runtime_checkable
class Repository(ResultCache, Protocol):
    """The only record of campaigns, candidates, results, calls and blobs."""

    def create_campaign(self, record: CampaignRecord) -> bool:
        """Store a new campaign; False if it exists, and then nothing changes."""
        ...

    def get_campaign(self, campaign_id: str) -> CampaignRecord | None:
        """Return a campaign."""
        ...

    def list_campaigns(self) -> list[CampaignRecord]:
        """Return all campaigns, newest first."""
        ...

    def save_state(self, state: CampaignState) -> None:
        """Replace a campaign's state."""
        ...

    def put_candidates(self, candidates: Iterable[Candidate]) -> None:
        """Insert or replace candidates by id, all or none where the database can."""
        ...

    def get_candidate(self, candidate_id: str) -> Candidate | None:
        """Return a candidate."""
        ...

    def query_candidates(self, query: CandidateQuery) -> list[Candidate]:
        """Return one page of candidates."""
        ...

    def count_candidates(self, query: CandidateQuery) -> int:
        """Return how many candidates a query has, its limit and offset aside."""
        ...

    def verdict_counts(self, campaign_id: str) -> dict[str, int]:
        """Return the number of candidates by kind of verdict; those alive are left out."""
        ...

    def changes_since(self, campaign_id: str, cursor: int, limit: int = 1000) -> Changes:
        """Return candidates written after a cursor; 0 is the beginning."""
        ...

    def work_summary(self, owner: str) -> WorkSummary:
        """Return how the work begun for a campaign ended."""
        ...

    def put_call(self, key: str, document: Mapping[str, Any]) -> bool:
        """Commit an answered language-model call; False if the key had one already."""
        ...

    def get_call(self, key: str) -> dict[str, Any] | None:
        """Return an answered call."""
        ...

    def list_calls(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the calls whose keys begin so, by key."""
        ...

    def put_blob(self, content: bytes) -> str:
        """Store bytes and return their sha256."""
        ...

    def get_blob(self, sha256: str) -> bytes | None:
        """Return stored bytes."""
        ...

    def acquire(self, campaign_id: str, owner: str) -> None:
        """Take or renew the campaign's lease for one driver.

        Raises
        ------
        CampaignBusyError
            If a living driver holds it.
        """
        ...

    def release(self, campaign_id: str, owner: str) -> None:
        """Give the lease back, if it is this owner's."""
        ...
