"""A crystal as an entry of a reply, and the mistakes that concern one."""

import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from pymatgen.core import Structure

Entry = dict[str, Any]

TEXTS = ("poscar", "cif")
"""Languages whose crystals are strings in JSON; in the others they are objects."""

UNKNOWN_ELEMENT = "Xq"
HUGE_ANGSTROM = 1e9
OVERLAP_ANGSTROM = 0.02
HOSTILE = "{{ 7 * 7 }} <script>alert(1)</script> $(touch here) !!python/object:os.system"

_DECIMAL = re.compile(r"(?<![\w.])-?0?\.\d+\b")


def entry_of(structure: Structure, language: str) -> Entry:
    """Return a crystal as an entry of a reply: its formula, and itself under the name of the language."""
    from matsearch.crystal.languages import LANGUAGES

    text = LANGUAGES[language].write(structure)
    crystal = text if language in TEXTS else json.loads(text)
    return {"formula": structure.composition.formula.replace(" ", ""), language: crystal}


def extra_keys(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry with keys that nobody asked for."""
    extra = {"space_group": "unknown", "structure_description": "octahedra that share corners"}
    return {**extra, **entry_of(structure, language)}


def contradictory_formula(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry whose formula says seven atoms more than there are."""
    entry = entry_of(structure, language)
    return entry | {"formula": f"{entry['formula']}{structure[0].specie.symbol}7"}


def wrong_counts(structure: Structure, language: str, rng: np.random.Generator) -> Entry:
    """Return a POSCAR whose line of counts says more than there are."""
    entry = entry_of(structure, language)
    lines = entry[language].split("\n")
    counts = [int(word) for word in lines[6].split()]
    counts[int(rng.integers(len(counts)))] += int(rng.integers(1, 4))
    lines[6] = " ".join(map(str, counts))
    return entry | {language: "\n".join(lines)}


def interleaved(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return a POSCAR that names an element twice, since one of its atoms stands apart from the others."""
    entry = entry_of(structure, language)
    lines = entry[language].split("\n")
    elements, counts = lines[5].split(), [int(word) for word in lines[6].split()]
    sites = lines[8 : 8 + len(structure)]
    several = next((i for i, count in enumerate(counts) if count > 1), None)
    if several is None or len(elements) == 1:
        return entry
    counts[several] -= 1
    apart = sites.pop(sum(counts[: several + 1]))
    # before all others, unless its element comes first
    end = len(elements) if several == 0 else 0
    elements.insert(end, elements[several])
    counts.insert(end, 1)
    sites.insert(len(sites) if several == 0 else 0, apart)
    head = [*lines[:5], " ".join(elements), " ".join(map(str, counts)), lines[7]]
    return entry | {language: "\n".join([*head, *sites, ""])}


def fractions(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry whose coordinates are written as 1/3."""

    def written(text: str) -> str:
        return _DECIMAL.sub(lambda number: str(Fraction(number[0]).limit_denominator(12)), text)

    entry = entry_of(structure, language)
    crystal = entry[language]
    if language not in TEXTS:
        return entry | {language: _on_sites(crystal, written)}
    start = "direct" if language == "poscar" else "_atom_site_fract_z"
    head, mark, sites = crystal.partition(start)
    return entry | {language: head + mark + written(sites)}


def unknown_element(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry in which an element is one that there is not, wherever it is named."""
    symbol = structure[0].specie.symbol
    named = re.compile(r"(?<![A-Za-z_'])" + symbol + r"(?![a-z_])")

    def written(text: str) -> str:
        return named.sub(UNKNOWN_ELEMENT, text)

    entry = entry_of(structure, language)
    crystal = entry[language]
    changed = written(crystal) if language in TEXTS else _on_sites(crystal, written)
    return {"formula": written(entry["formula"]), language: changed}


def overlapping(structure: Structure, language: str, rng: np.random.Generator) -> Entry:
    """Return an entry with an atom on top of another one."""
    site = structure[int(rng.integers(len(structure)))]
    shifted = site.lattice.get_fractional_coords(site.coords + np.array([OVERLAP_ANGSTROM, 0.0, 0.0]))
    if language in TEXTS:
        child = structure.copy()
        child.append(site.specie, shifted)
        return entry_of(child, language)
    entry = entry_of(structure, language)
    crystal = entry[language]
    twin = " ".join([site.specie.symbol, *(f"{x:.4f}" for x in shifted)])
    return entry | {language: crystal | {"sites": [*crystal["sites"], twin]}}


def huge_cell(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry with a lattice vector of 10 cm."""
    entry = entry_of(structure, language)
    crystal, length = entry[language], f"{HUGE_ANGSTROM:.1f}"
    if language not in TEXTS:
        return entry | {language: crystal | {"lattice": [HUGE_ANGSTROM, *crystal["lattice"][1:]]}}
    if language == "cif":
        return entry | {language: re.sub(r"(_cell_length_a\s+)\S+", rf"\g<1>{length}", crystal)}
    lines = crystal.split("\n")
    return entry | {language: "\n".join([*lines[:2], f"{length} 0.0 0.0", *lines[3:]])}


def symmetry_claim(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry that claims a cubic group, whatever the atoms are, and lists all of them."""
    entry = entry_of(structure, language)
    if language == "wyckoff":
        numbers = [" ".join(f"{x:.4f}" for x in site.frac_coords) for site in structure]
        sites = [f"{site.specie.symbol} {xyz}" for site, xyz in zip(structure, numbers, strict=True)]
        cell = [round(float(x), 4) for x in structure.lattice.parameters]
        return entry | {language: {"spacegroup": 225, "lattice": cell, "sites": sites}}
    name, *rows = entry[language].split("\n")
    kept = [row for row in rows if not re.match(r"_(symmetry|space_group)_", row)]
    claim = ["_symmetry_space_group_name_H-M   'F m -3 m'", "_symmetry_Int_Tables_number   225"]
    return entry | {language: "\n".join([name, *claim, *kept])}


def hostile_text(structure: Structure, language: str, _rng: np.random.Generator) -> Entry:
    """Return an entry with templates, scripts and commands where a comment may stand."""
    entry = entry_of(structure, language)
    if language == "poscar":
        return entry | {language: HOSTILE + "\n" + entry[language].partition("\n")[2]}
    if language == "cif":
        return entry | {language: f"# {HOSTILE}\n{entry[language]}"}
    return {"comment": HOSTILE, **entry}


def _on_sites(crystal: Entry, change: Callable[[str], str]) -> Entry:
    return crystal | {"sites": [change(site) for site in crystal["sites"]]}
