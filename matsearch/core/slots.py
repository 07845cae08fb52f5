"""What a proposer is asked: a slot, its limits, and what it may be told."""

from matsearch.core.model import Record
from matsearch.core.records import Parent
from matsearch.core.structures import StructureField


class Limits(Record):
    """What a proposal must keep to; ``crystal.scope`` judges. Hashable, for caches.

    Attributes
    ----------
    elements : tuple of str
        Allowed elements, sorted.
    max_atoms : int
        In the proposed cell.
    formulas : tuple of str
        Reduced formulas; empty where any composition of the elements will do.
    n_elements : tuple of int, or None
        Fewest and most elements of a crystal.
    anions : tuple of str
        One of them must be the most electronegative element; empty where any may.
    oxidation_states : tuple of (str, tuple of int)
        States in e that an element may have, sorted by element. A crystal that holds it must balance with them.
    spacegroups : tuple of int
        Allowed numbers, sorted; empty where any will do.
    max_cost : float or None
        Of the elements, in USD per kg.
    """

    elements: tuple[str, ...]
    max_atoms: int
    formulas: tuple[str, ...] = ()
    n_elements: tuple[int, int] | None = None
    anions: tuple[str, ...] = ()
    oxidation_states: tuple[tuple[str, tuple[int, ...]], ...] = ()
    spacegroups: tuple[int, ...] = ()
    max_cost: float | None = None


class Failed(Record):
    """A proposal that came to nothing: the next ones need not make the same mistake.

    Attributes
    ----------
    structure : Structure or None
        As proposed, where it could be read.
    roots : tuple of str
        Known phases at the beginning of its line.
    reason : str
        One line, with values and units.
    """

    candidate_id: str
    formula: str
    structure: StructureField | None = None
    roots: tuple[str, ...] = ()
    reason: str


class Brief(Record):
    """What a proposer may be told besides the parents. Lines of text: data of the campaign, never a template.

    Attributes
    ----------
    constraints, objectives : tuple of str
        What every proposal must keep to; what is wanted.
    failures : tuple of Failed
        Of the generation before, one of each kind first.
    feedback : tuple of str
        What independent calculations said of earlier finds.
    """

    constraints: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    failures: tuple[Failed, ...] = ()
    feedback: tuple[str, ...] = ()


class Slot(Record):
    """One request to a proposer: everything its answer may depend on.

    Attributes
    ----------
    parents : tuple of Parent
        What to build on; empty where a search begins with templates alone.
    templates : tuple of Parent
        Known crystals of any chemistry whose pattern may be borrowed.
    """

    campaign_id: str
    generation: int
    slot: int
    seed: int
    parents: tuple[Parent, ...]
    templates: tuple[Parent, ...] = ()
    limits: Limits
    brief: Brief = Brief()
