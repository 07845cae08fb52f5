"""The crystals that are relaxed: what language models proposed, half of it close to the metastability limit.

The crystals of the file are displaced and strained at random; the hull energy of a composition is the relaxed energy
less the distance from the hull that the file states. Replies are taken as they are, and placed against the hull of a
file of entries where it covers their elements. What the search's sanity rules refuse never gets as far as a relaxation,
and is left out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure
from sources import ENTRIES, GENERATIONS, Crystal, Proposal, is_sane, read_generations, read_replies

from matsearch.core.errors import InputError
from matsearch.core.random import stream

DISPLACEMENT = (0.05, 0.2)
MAX_STRAIN = 0.03
REPLIES_SHARE = 0.35


def benchmark_crystals(data: Path, replies: Path, n: int, seed: int) -> list[Crystal]:
    """Return ``n`` crystals: half near the hull, up to 35 percent replies, the rest drawn from the file.

    Raises
    ------
    InputError
        If a file is missing or holds too few usable crystals.
    """
    random = stream(seed, 0, 0, "screening benchmark")
    from_replies = _drawn(read_replies(replies, data / ENTRIES), round(REPLIES_SHARE * n), random)
    proposals = [p for p in read_generations(data / GENERATIONS) if is_sane(p.structure)]
    near = [p for p in proposals if p.is_near_hull]
    rest = [p for p in proposals if not p.is_near_hull]
    shaken = [
        *_shaken(near, (n + 1) // 2, random, seed, "near the hull"),
        *_shaken(rest, n - (n + 1) // 2 - len(from_replies), random, seed, "file"),
    ]
    crystals = [*shaken, *from_replies]
    return [crystals[i] for i in random.permutation(len(crystals))]


def shake(structure: Structure, random: np.random.Generator) -> Structure:
    """Return a copy strained by a random symmetric strain and displaced atom by atom.

    Every component of the strain is uniform within 3 percent. Each atom moves in a random direction by one length,
    uniform in 0.05 to 0.2 angstrom and the same for all atoms of a crystal, as in pymatgen's ``Structure.perturb``.
    """
    components = random.uniform(-MAX_STRAIN, MAX_STRAIN, (3, 3))
    strain = np.triu(components) + np.triu(components, 1).T
    lattice = Lattice(structure.lattice.matrix @ (np.eye(3) + strain))
    directions = random.normal(size=(len(structure), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moves = random.uniform(*DISPLACEMENT) * directions
    coordinates = lattice.get_cartesian_coords(structure.frac_coords) + moves
    return Structure(lattice, structure.species, coordinates, coords_are_cartesian=True)


def _shaken(
    proposals: Sequence[Proposal], n: int, random: np.random.Generator, seed: int, source: str
) -> list[Crystal]:
    """Return ``n`` sane shaken crystals, of distinct composition as far as there are enough."""
    order = [proposals[i] for i in random.permutation(len(proposals))]
    first: dict[str, Proposal] = {}
    for proposal in order:
        first.setdefault(proposal.formula, proposal)
    again = [proposal for proposal in order if first[proposal.formula] is not proposal]
    crystals: list[Crystal] = []
    for proposal in [*first.values(), *again]:
        if len(crystals) == n:
            return crystals
        structure = shake(proposal.structure, stream(seed, 0, proposal.row, "shake"))
        if is_sane(structure):
            crystals.append(
                Crystal(
                    id=f"row {proposal.row}",
                    formula=proposal.formula,
                    structure=structure,
                    hull_energy_per_atom=proposal.energy_per_atom - proposal.energy_above_hull,
                    source=source,
                )
            )
    if len(crystals) < n:
        raise InputError(
            f"{n} crystals ({source}) wanted, only {len(crystals)} are there", "ask for fewer: --n"
        )
    return crystals


def _drawn(crystals: Sequence[Crystal], n: int, random: np.random.Generator) -> list[Crystal]:
    return [crystals[i] for i in sorted(random.permutation(len(crystals))[:n])]
