"""Crystals, candidates and tools for tests of what happens between two generations."""

from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.config import parse_config
from matsearch.core.keys import candidate_id
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate

CAMPAIGN = "c"

DOCUMENT = {
    "name": "evolution",
    "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 8},
    "potential": {"name": "toy"},
    "reference": {"source": "toy"},
    "relax": {"fmax": 0.3, "max_steps": 60},
    "budget": {"generations": 50},
    "execution": {"workers": 0},
}


def tools_for(**sections):
    """Return the tools of a small search with these sections changed."""
    return build_tools(parse_config({**DOCUMENT, **sections}))


def crystal(formula):
    """Return a cell of this full formula, e.g. ``Ti2C2``: a row of atoms in a box, unlike that of any other formula."""
    species = [element.symbol for element, n in Composition(formula).items() for _ in range(int(n))]
    n = len(species)
    lattice = Lattice.orthorhombic(2.5 * n, 3.0, 3.3)
    return Structure(lattice, species, [[i / n, 0.0, 0.0] for i in range(n)])


def born(formula, energy, generation=0, slot=0, index=0, **fields):
    """Return a candidate of a full formula; energy above hull in eV/atom, or None."""
    return sample_candidate(
        slot,
        generation,
        CAMPAIGN,
        energy_above_hull=energy,
        index=index,
        structure=crystal(formula),
        **fields,
    )


def seed(name, formula, energy, **fields):
    """Return a scored seed."""
    made = born(formula, energy, proposer="seeds", **fields)
    return made.evolve(candidate_id=f"known:{name}", lineage=made.lineage.evolve(roots=(name,)))


def birth_id(generation, slot, index=0):
    """Return the id of the candidate born there."""
    return candidate_id(CAMPAIGN, generation, "sample", slot, index)


def ids(parents):
    """Return the ids of parents, in order."""
    return [parent.parent_id for parent in parents]
