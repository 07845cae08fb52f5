"""The crystals that travel with matsearch: described from the literature, relaxed by CHGNet 0.3.0."""

import gzip
import hashlib
import json
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from matsearch.core.model import Record
from matsearch.core.structures import StructureField, decode_structure
from matsearch.crystal.limits import hush_noble_gases


class EmbeddedPhase(Record):
    """One known crystal.

    Attributes
    ----------
    prototype : str
        The name of its structure type, such as NaCl or GdFeO3.
    spacegroup : int
        The number of the space group, which the relaxation keeps.
    source : str
        Begins with the class of citation: a textbook value, a handbook value or one refinement.
    literature, relaxed : Structure
        As described in the literature, and as relaxed by the set's potential.
    energy : float
        Of the relaxed cell, in eV, in the set's scheme.
    altered : bool
        Whether relaxing changed a, b or c by more than 6 percent. Such a phase is kept for its energy in the hull; its
        relaxed crystal is not quite the one described.
    """

    phase_id: str
    formula: str
    name: str
    prototype: str
    spacegroup: int
    source: str
    literature: StructureField
    relaxed: StructureField
    energy: float
    altered: bool

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Element symbols."""
        return frozenset(element.symbol for element in self.relaxed.composition.elements)


class EmbeddedSet(Record):
    """The whole set with its name, scheme and hash."""

    name: str
    scheme_id: str
    sha256: str
    built: str
    phases: tuple[EmbeddedPhase, ...]

    def within(self, elements: frozenset[str]) -> list[EmbeddedPhase]:
        """Return the phases made of these elements alone."""
        return [phase for phase in self.phases if phase.symbols <= elements]


@cache
def embedded_set() -> EmbeddedSet:
    """Return the embedded set; read once."""
    hush_noble_gases()
    content = (files("matsearch.crystal") / "data" / "embedded.json.gz").read_bytes()
    document = json.loads(gzip.decompress(content))
    return EmbeddedSet(
        name=document["name"],
        scheme_id=document["scheme_id"],
        sha256=hashlib.sha256(content).hexdigest(),
        built=document["built"],
        phases=tuple(_phase(item) for item in document["phases"]),
    )


def _phase(item: dict[str, Any]) -> EmbeddedPhase:
    return EmbeddedPhase(
        phase_id=item["id"],
        formula=item["formula"],
        name=item["name"],
        prototype=item["prototype"],
        spacegroup=item["spacegroup"],
        source=item["source"],
        literature=decode_structure(item["literature"]),
        relaxed=decode_structure(item["relaxed"]),
        energy=item["energy"],
        altered=item["altered"],
    )
