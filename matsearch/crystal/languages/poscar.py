"""POSCAR: VASP's text form of a crystal, the one that language models know best.

Of the format: https://www.vasp.at/wiki/index.php/POSCAR. Labels at the end of the site lines are an old extension;
they are written, and believed over the counts when a text is read, as models count badly.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
from pymatgen.core import Structure

from matsearch.core.structures import encode_structure
from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cells import check_fractional, check_lattice, checked
from matsearch.crystal.languages.labels import element_of, formula_of, relabelled
from matsearch.crystal.languages.language import MAX_LENGTH, MAX_READ_SITES, Reading, Unreadable
from matsearch.crystal.languages.numerals import format_row, wrapped
from matsearch.crystal.languages.poscar_header import Header, begins_crystal, read_header
from matsearch.crystal.languages.poscar_lines import Line, Site, is_begun, is_site, lines_of, read_site
from matsearch.crystal.languages.text import check_size


class Poscar:
    """POSCAR of VASP 5 with a label on every site line."""

    name = "poscar"

    def write(self, structure: Structure, digits: int = 4) -> str:
        """Return the text: fractional coordinates, sites grouped by element in order of first appearance.

        Raises
        ------
        InputError
            If a site is disordered.
        """
        species = encode_structure(structure)["species"]
        counts = Counter(species)
        first = {symbol: position for position, symbol in enumerate(counts)}
        order = sorted(range(len(species)), key=lambda site: first[species[site]])
        coords = wrapped(structure.frac_coords, digits)
        lines = [
            " ".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in counts.items()),
            "1.0",
            *(format_row(vector, digits) for vector in structure.lattice.matrix),
            " ".join(counts),
            " ".join(str(n) for n in counts.values()),
            "direct",
            *(f"{format_row(coords[site], digits)} {species[site]}" for site in order),
        ]
        return "\n".join(lines) + "\n"

    def read(self, text: str) -> Reading:
        """Return the crystal of a text; labels of the sites are believed over the counts.

        Raises
        ------
        Unreadable
            If the text is no crystal or could be several; no site is ever dropped or invented.
        """
        check_size(text)
        lines, repairs = lines_of(text)
        header, position = read_header(lines, repairs)
        sites, rest = _read_sites(lines[position:])
        sites = _without_velocities(sites, header, repairs)
        _check_rest(rest, len(sites), header)
        symbols = _symbols(sites, header, bool(rest), repairs)
        structure = checked(header.matrix, symbols, _fractional(sites, header))
        return Reading(structure, tuple(repairs))


def _read_sites(lines: Sequence[Line]) -> tuple[list[Site], Sequence[Line]]:
    """Return the sites that come first, and the lines from the first other one on."""
    sites: list[Site] = []
    for position, line in enumerate(lines):
        if len(sites) > MAX_READ_SITES:
            raise Unreadable(FailureKind.TOO_MANY_SITES, f"more than {MAX_READ_SITES} sites")
        if position == len(lines) - 1 and is_begun(line):
            raise Unreadable(FailureKind.CUT_OFF, f"the text ends in the site of {line}")
        site = read_site(line)
        if site is None:
            return sites, lines[position:]
        sites.append(site)
    return sites, ()


def _without_velocities(sites: list[Site], header: Header, repairs: list[str]) -> list[Site]:
    """Drop a second, unlabelled block of as many lines after a blank one, as molecular dynamics writes it."""
    end = next((i for i, site in enumerate(sites) if i and site.line.after_blank), len(sites))
    block = sites[end : 2 * end]
    expected = sum(header.counts) if header.counts else end
    if end != expected or len(sites) < 2 * end or any(site.label for site in sites[end:]) or not block:
        return sites
    if len(sites) > 2 * end and not sites[2 * end].line.after_blank:
        return sites
    repairs.append(f"ignored the velocities from line {block[0].line.number} on")
    return sites[:end]


def _check_rest(rest: Sequence[Line], n_sites: int, header: Header) -> None:
    """Refuse sites after other text, unless the counts say that they belong to something else."""
    complete = header.counts is not None and sum(header.counts) == n_sites
    stray = next((line for line in rest if is_site(line)), None)
    if stray and not complete:
        detail = f"after {n_sites} sites comes {rest[0]}, and then numbers again: {stray}"
        raise Unreadable(FailureKind.WRONG_COUNTS, detail)
    if begins_crystal(rest):
        raise Unreadable(FailureKind.AMBIGUOUS, f"more than one crystal: another begins about {rest[0]}")


def _symbols(sites: Sequence[Site], header: Header, more_follows: bool, repairs: list[str]) -> list[str]:
    """Return the element of each site, of its label or else of the counts."""
    labels = [site.label for site in sites]
    given = [label for label in labels if label is not None]
    if sites and len(given) == len(sites):
        return _by_labels(given, header, repairs)
    symbols = _by_counts(len(sites), header, more_follows, repairs)
    for site, symbol in zip(sites, symbols, strict=True):
        if site.label is not None and element_of(site.label) != symbol:
            detail = f"{site.line} is labelled {site.label}, but {_say_counts(header)} make it {symbol}"
            raise Unreadable(FailureKind.WRONG_COUNTS, detail)
    if given:
        repairs.append(f"{len(given)} of {len(sites)} sites are labelled; the others are named by the counts")
    return symbols


def _by_labels(labels: Sequence[str], header: Header, repairs: list[str]) -> list[str]:
    symbols = [element_of(label) for label in labels]
    repairs += relabelled(labels, symbols)
    if _expanded(header) != symbols:
        repairs.append(f"{_say_counts(header)}; the labelled sites are {formula_of(symbols)}")
    return symbols


def _expanded(header: Header) -> list[str] | None:
    """Return an element for each site that the counts announce; None if they announce nothing that can be."""
    if not header.species or not header.counts or len(header.species) != len(header.counts):
        return None
    if sum(header.counts) > MAX_READ_SITES:
        return None
    try:
        symbols = [element_of(word) for word in header.species]
    except Unreadable:
        return None
    return list(chain.from_iterable([s] * n for s, n in zip(symbols, header.counts, strict=True)))


def _by_counts(n_sites: int, header: Header, more_follows: bool, repairs: list[str]) -> list[str]:
    """Return the elements that the counts give to so many sites."""
    species, counts = header.species, header.counts
    if not species or not counts or len(species) != len(counts):
        detail = f"{n_sites} sites, not all of them labelled, and {_say_counts(header)}"
        cut = n_sites == 0 and not more_follows
        raise Unreadable(FailureKind.CUT_OFF if cut else FailureKind.WRONG_COUNTS, detail)
    symbols = [element_of(word) for word in species]
    announced = sum(counts)
    if announced > MAX_READ_SITES:
        detail = f"{_say_counts(header)}: {announced} sites, more than {MAX_READ_SITES}"
        raise Unreadable(FailureKind.TOO_MANY_SITES, detail)
    if announced != n_sites:
        cut = n_sites < announced and not more_follows
        ends = "; the text ends there" if cut else ""
        detail = f"{_say_counts(header)}, {announced} sites, but {n_sites} follow{ends}"
        raise Unreadable(FailureKind.CUT_OFF if cut else FailureKind.WRONG_COUNTS, detail)
    repairs += relabelled(species, symbols)
    return list(chain.from_iterable([s] * n for s, n in zip(symbols, counts, strict=True)))


def _say_counts(header: Header) -> str:
    if header.counts is None:
        return "no line has counts"
    counts = " ".join(map(str, header.counts[:12]))
    return f"counts {counts} say {' '.join(header.species[:12]) if header.species else 'no elements'}"


def _fractional(sites: Sequence[Site], header: Header) -> np.ndarray:
    """Return fractional coordinates, shape (n, 3)."""
    coords = np.array([site.coords for site in sites], dtype=float).reshape(-1, 3)
    if not header.cartesian:
        check_fractional(coords.tolist())
        return coords
    scaled = coords * header.scale
    if np.abs(scaled).max(initial=0.0) > MAX_LENGTH:
        detail = f"Cartesian coordinate beyond {MAX_LENGTH:g} angstrom"
        raise Unreadable(FailureKind.BAD_NUMBERS, detail)
    check_lattice(header.matrix)
    return scaled @ np.linalg.inv(header.matrix)
