"""Structures as plain data: encoded without class names, decoded without running anything.

pymatgen's own ``as_dict`` carries module paths that its decoder imports. A document from a model, a file or a
database must not be able to name code, so records hold this form instead.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import PlainSerializer, PlainValidator
from pymatgen.core import Element, Lattice, Structure

from matsearch.core.element_groups import is_element
from matsearch.core.errors import InputError


def encode_structure(structure: Structure) -> dict[str, Any]:
    """Return lattice vectors (angstrom), element symbols and fractional coordinates as JSON types.

    Raises
    ------
    InputError
        If a site is disordered.
    """
    return {
        "lattice": structure.lattice.matrix.tolist(),
        "species": [_symbol(site) for site in structure],
        "frac_coords": structure.frac_coords.tolist(),
    }


def decode_structure(value: Any) -> Structure:
    """Rebuild a structure from :func:`encode_structure`'s form; a Structure passes through.

    Raises
    ------
    ValueError
        If the document has another shape, an unknown element or a number that is not finite.
    """
    if isinstance(value, Structure):
        return value
    if not isinstance(value, dict) or {"lattice", "species", "frac_coords"} - value.keys():
        raise ValueError("a structure document needs lattice, species and frac_coords")
    lattice = _finite_array(value["lattice"], (3, 3), "lattice")
    species = value["species"]
    coords = _finite_array(value["frac_coords"], (len(species), 3), "frac_coords")
    return Structure(Lattice(lattice), [_element(symbol) for symbol in species], coords)


def element(symbol: str) -> Element:
    """Return the element of a symbol.

    Raises
    ------
    InputError
        If there is no such element.
    """
    try:
        return _element(symbol)
    except ValueError as error:
        raise InputError(str(error), "use symbols of the periodic table, such as Li or Fe") from error


def minimum_distance(structure: Structure) -> float:
    """Return the smallest distance between two atoms, periodic images included, in angstrom."""
    shortest = min(structure.lattice.abc)
    if len(structure) > 1:
        distances = structure.distance_matrix
        shortest = min(shortest, float(distances[~np.eye(len(structure), dtype=bool)].min()))
    return float(shortest)


def _element(symbol: Any) -> Element:
    if not isinstance(symbol, str) or not is_element(symbol):
        raise ValueError(f"unknown element {symbol!r}")
    return Element(symbol)


def _symbol(site: Any) -> str:
    if not site.is_ordered:
        raise InputError(f"disordered site {site.species_string!r}", "order the structure first")
    return str(getattr(site.specie, "symbol", site.specie))


def _finite_array(value: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if array.shape != shape and not (array.size == 0 and math.prod(shape) == 0):
        raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite")
    return array.reshape(shape)


StructureField = Annotated[
    Structure, PlainValidator(decode_structure), PlainSerializer(encode_structure, return_type=dict)
]
"""A pymatgen Structure inside a record, stored in the plain form."""
