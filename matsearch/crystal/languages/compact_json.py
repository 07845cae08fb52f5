"""Compact JSON: six cell parameters and one short string for each site."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cells import cell_of, check_fractional, check_lattice, checked
from matsearch.crystal.languages.json_sites import read_coords, read_site, site_values
from matsearch.crystal.languages.labels import element_of, relabelled
from matsearch.crystal.languages.language import Reading, Unreadable
from matsearch.crystal.languages.numerals import format_number, format_sites
from matsearch.crystal.languages.text import check_size

_PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")
_SAME = 0.01
"""Largest relative difference between a cell's parameters and its vectors, if both are given."""


class CompactJson:
    """One line: ``{"lattice":[a,b,c,alpha,beta,gamma],"sites":["Na 0 0 0","Cl 0.5 0.5 0.5"]}``."""

    name = "json"

    def write(self, structure: Structure, digits: int = 4) -> str:
        """Return the text: angstrom, degrees and fractional coordinates, sites in the structure's order.

        Raises
        ------
        InputError
            If a site is disordered.
        """
        cell = ",".join(format_number(value, digits) for value in structure.lattice.parameters)
        sites = format_sites(structure, digits)
        return f'{{"lattice":[{cell}],"sites":{json.dumps(sites, separators=(",", ":"))}}}'

    def read(self, text: str) -> Reading:
        """Return the crystal of an object in this or a like form; pymatgen's is read as plain data.

        Raises
        ------
        Unreadable
            If the text is no JSON, no crystal, or could be several.
        """
        document = parse_object(text)
        labels, coords = _sites(document)
        lattice = read_lattice(document.get("lattice"))
        symbols = [element_of(label) for label in labels]
        if _is_cartesian(document):
            check_lattice(lattice.matrix)
            coords = lattice.get_fractional_coords(np.array(coords)).tolist()
        else:
            check_fractional(coords)
        return Reading(checked(lattice, symbols, coords), tuple(relabelled(labels, symbols)))


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object of a text; nothing in it is ever decoded by class.

    Raises
    ------
    Unreadable
        BROKEN_JSON, WRONG_SCHEMA for other JSON than an object, AMBIGUOUS if a key comes twice.
    """
    check_size(text)
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable(FailureKind.BROKEN_JSON, "no JSON: nested too deeply") from None
    except ValueError as error:
        raise Unreadable(FailureKind.BROKEN_JSON, f"no JSON: {error}") from None
    if not isinstance(document, dict):
        detail = f"a crystal is a JSON object, not {type(document).__name__}"
        raise Unreadable(FailureKind.WRONG_SCHEMA, detail)
    return document


def _is_cartesian(document: dict[str, Any]) -> bool:
    """Return whether an object says of its coordinates that they are angstrom: by a key's name, or in words."""
    said = [(key.lower(), value) for key, value in document.items() if isinstance(value, bool | str)]
    return any(
        str(value).lower() in ("cart", "cartesian") or ("cartesian" in key and str(value).lower() == "true")
        for key, value in said
    )


def read_lattice(value: Any) -> Lattice:
    """Return the lattice of six numbers, of named parameters, or of three vectors.

    Raises
    ------
    Unreadable
        BAD_LATTICE, or AMBIGUOUS if parameters and vectors are both given and differ.
    """
    if isinstance(value, dict):
        return _named_lattice(value)
    if isinstance(value, list) and len(value) == 3 and all(isinstance(row, list) for row in value):
        matrix = np.array([read_coords(row, "lattice vector") for row in value])
        check_lattice(matrix)
        return Lattice(matrix)
    if isinstance(value, list) and len(value) == 6:
        return cell_of(site_values(value, "lattice"))
    detail = "no lattice of six numbers or three vectors"
    raise Unreadable(FailureKind.BAD_LATTICE, detail)


def _named_lattice(value: dict[str, Any]) -> Lattice:
    missing = [name for name in _PARAMETERS if name not in value]
    if "matrix" not in value:
        if missing:
            raise Unreadable(FailureKind.BAD_LATTICE, f"the lattice has no {', '.join(missing)}")
        return cell_of(_parameters(value))
    lattice = read_lattice(value["matrix"])
    if not missing and not np.allclose(lattice.parameters, _parameters(value), rtol=_SAME):
        detail = "the lattice's vectors and its parameters differ"
        raise Unreadable(FailureKind.AMBIGUOUS, detail)
    return lattice


def _parameters(value: dict[str, Any]) -> list[float]:
    return site_values([value[name] for name in _PARAMETERS], "lattice")


def _sites(document: dict[str, Any]) -> tuple[list[str], list[list[float]]]:
    """Return the labels and coordinates of a list of sites, or of two lists side by side."""
    sites = document.get("sites")
    if isinstance(sites, list):
        pairs = [read_site(site, position) for position, site in enumerate(sites, start=1)]
        return [label for label, _ in pairs], [coords for _, coords in pairs]
    species = document.get("species")
    rows = document.get("frac_coords", document.get("coords"))
    if not isinstance(species, list) or not isinstance(rows, list):
        raise Unreadable(FailureKind.WRONG_SCHEMA, "no list of sites")
    if len(species) != len(rows):
        detail = f"{len(species)} species but {len(rows)} coordinates"
        raise Unreadable(FailureKind.WRONG_COUNTS, detail)
    return _together(species, rows)


def _together(species: Sequence[Any], rows: Sequence[Any]) -> tuple[list[str], list[list[float]]]:
    pairs = [
        read_site([label, row], position)
        for position, (label, row) in enumerate(zip(species, rows, strict=True), start=1)
    ]
    return [label for label, _ in pairs], [coords for _, coords in pairs]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Unreadable(FailureKind.AMBIGUOUS, f"the key {twice[:40]!r} comes twice in one object")
    return document
