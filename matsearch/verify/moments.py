"""Magnetic moments to begin a DFT calculation with."""

from collections.abc import Sequence

from pymatgen.core import Structure

LEAST_MOMENT = 0.1
"""Bohr magnetons: suggested moments that are all smaller say that nothing is magnetic, or nothing at all."""

# Unpaired 3d electrons of the free ion by Hund's first rule, high spin: the larger of M2+ and M3+. A start above the
# answer falls to it; one below it can stay in a state of low spin.
_TRANSITION_METALS = {"V": 3.0, "Cr": 4.0, "Mn": 5.0, "Fe": 5.0, "Co": 4.0, "Ni": 3.0}

# Unpaired 4f electrons of Ln3+ by Hund's first rule; of Eu the larger number of Eu2+. La and Lu have no open shell.
_LANTHANIDES = {
    "Ce": 1.0,
    "Pr": 2.0,
    "Nd": 3.0,
    "Pm": 4.0,
    "Sm": 5.0,
    "Eu": 7.0,
    "Gd": 7.0,
    "Tb": 6.0,
    "Dy": 5.0,
    "Ho": 4.0,
    "Er": 3.0,
    "Tm": 2.0,
    "Yb": 1.0,
}

HIGH_SPIN = {**_TRANSITION_METALS, **_LANTHANIDES}
"""Bohr magnetons an atom. Kittel, Introduction to Solid State Physics, 8th ed., chapter 11, tables 1 and 2."""

_TRIPLET_OXYGEN = 1.0


def initial_moments(
    structure: Structure, suggested: Sequence[float] | None = None
) -> tuple[float, ...] | None:
    """Return the moments to begin with, or None for a calculation without spin.

    Suggested moments are taken where they say something. Else the chemistry decides: 3d metals from V to Ni and
    lanthanides with an open 4f shell begin with high spin, pure oxygen as the triplet molecule, everything else without
    spin. All moments that the chemistry gives are parallel: antiferromagnetic orders are not guessed, so that the energy
    of an antiferromagnet is an upper bound unless the suggestion has signs.

    Parameters
    ----------
    suggested : sequence of float, optional
        Bohr magnetons, one a site, from a potential (CHGNet gives magnitudes) or from an earlier calculation. Where all
        are below ``LEAST_MOMENT`` they are not heeded.

    Returns
    -------
    tuple of float or None
        Bohr magnetons, one a site.
    """
    if suggested is not None and says_something(suggested):
        return tuple(float(moment) for moment in suggested)
    symbols = [site.specie.symbol for site in structure]
    if set(symbols) == {"O"}:
        return (_TRIPLET_OXYGEN,) * len(symbols)
    moments = tuple(HIGH_SPIN.get(symbol, 0.0) for symbol in symbols)
    return moments if any(moments) else None


def says_something(moments: Sequence[float]) -> bool:
    """Return whether moments (Bohr magnetons) show a magnetic crystal."""
    return max((abs(moment) for moment in moments), default=0.0) >= LEAST_MOMENT
