"""Where the benchmark's crystals come from: a file of a published search, and replies of a language model.

The file ``gpt5mini_generations.csv.gz`` holds crystals as the model wrote them, unrelaxed, with the energy of each after
relaxation and its distance from the hull. The replies are raw answers with POSCAR or CIF text in JSON.
"""

import csv
import gzip
import io
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pymatgen.core import Composition, Structure

from matsearch.core.config import ReferenceSection, SanitySection
from matsearch.core.errors import InputError
from matsearch.core.model import Record
from matsearch.core.schemes import get_scheme
from matsearch.core.slots import Limits
from matsearch.core.structures import StructureField, decode_structure
from matsearch.hull.sources import load_hull
from matsearch.parse.sanity import find_fault

GENERATIONS = "gpt5mini_generations.csv.gz"
ENTRIES = "Li-Fe-P-O_entries.json.gz"
ENTRIES_ELEMENTS = ("Fe", "Li", "O", "P")
SCHEME = "chgnet-0.3.0"
NEAR_HULL = (0.05, 0.15)
MAX_ATOMS = 40


class Crystal(Record):
    """One crystal to relax.

    Attributes
    ----------
    hull_energy_per_atom : float or None
        Energy of the reference hull at its composition, eV/atom; None where no hull covers it.
    source : str
        ``near the hull`` and ``file`` (both of the file of generations), or ``reply``.
    """

    id: str
    formula: str
    structure: StructureField
    hull_energy_per_atom: float | None
    source: str


class Proposal(Record):
    """A row of the file of generations: as proposed, and where its relaxation by CHGNet 0.3.0 ended."""

    row: int
    structure: StructureField
    energy_above_hull: float
    energy_per_atom: float

    @property
    def is_near_hull(self) -> bool:
        """Whether the verdict on it can easily flip."""
        return NEAR_HULL[0] <= self.energy_above_hull <= NEAR_HULL[1]

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return str(self.structure.composition.reduced_formula)


def read_generations(path: Path) -> list[Proposal]:
    """Read the published search's crystals.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        return [
            Proposal(
                row=int(row[""]),
                structure=as_structure(json.loads(row["Structure"])),
                energy_above_hull=float(row["EHullDistance"]),
                energy_per_atom=float(row["EnergyRelaxed"]),
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"cannot read crystals from {path}: {error}", f"it should be {GENERATIONS}"
        ) from error


def read_replies(folder: Path, entries: Path) -> list[Crystal]:
    """Read the sane crystals of all ``*.reply.txt``, with hull energies where the entries cover their elements.

    Raises
    ------
    InputError
        If the folder holds no reply.
    """
    paths = sorted(folder.glob("*.reply.txt"))
    if not paths:
        raise InputError(f"no *.reply.txt in {folder}", "give the folder of replies with --replies")
    found = [
        (f"reply {path.name.removesuffix('.reply.txt')} {key}", structure)
        for path in paths
        for key, structure in parse_reply(path.read_text(encoding="utf-8"))
        if is_sane(structure)
    ]
    hull = _hull_energies([structure.composition for _, structure in found], entries)
    return [
        Crystal(
            id=name,
            formula=structure.composition.reduced_formula,
            structure=structure,
            hull_energy_per_atom=energy,
            source="reply",
        )
        for (name, structure), energy in zip(found, hull, strict=True)
    ]


def parse_reply(text: str) -> Iterator[tuple[str, Structure]]:
    """Yield the crystals in a reply's one JSON object of ``{"0": {"poscar" or "cif": text}}``; bad ones are left out."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        document = json.loads(text[begin : end + 1], strict=False)
    except ValueError:
        return
    for key, crystal in document.items():
        form = "poscar" if "poscar" in crystal else "cif"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                structure = Structure.from_str(crystal[form], fmt=form)
        except (KeyError, ValueError, IndexError):
            continue
        yield key, structure


def as_structure(document: dict[str, Any]) -> Structure:
    """Return the structure of pymatgen's document, read as data.

    Raises
    ------
    ValueError, KeyError
        If it is disordered or malformed.
    """
    sites = document["sites"]
    if any(len(site["species"]) > 1 or site["species"][0]["occu"] != 1 for site in sites):
        raise ValueError("a site is disordered")
    return decode_structure(
        {
            "lattice": document["lattice"]["matrix"],
            "species": [site["species"][0]["element"] for site in sites],
            "frac_coords": [site["abc"] for site in sites],
        }
    )


def is_sane(structure: Structure) -> bool:
    """Return whether a search would relax it: its own rules for proposals, and at most 40 atoms."""
    limits = Limits(elements=tuple(sorted(get_scheme(SCHEME).elements or ())), max_atoms=MAX_ATOMS)
    return find_fault(structure, limits, SanitySection()) is None


def _hull_energies(compositions: Sequence[Composition], entries: Path) -> list[float | None]:
    hull = load_hull(ReferenceSection(source=str(entries), corrections="mp2020"), ENTRIES_ELEMENTS, SCHEME)
    covered = [{e.symbol for e in c.elements} <= set(ENTRIES_ELEMENTS) for c in compositions]
    inside = [c for c, yes in zip(compositions, covered, strict=True) if yes]
    # a total energy of zero lies as far above the hull as the hull lies below zero
    energies = iter(-hull.energies_above_hull(inside, [0.0] * len(inside), SCHEME))
    return [float(next(energies)) if yes else None for yes in covered]
