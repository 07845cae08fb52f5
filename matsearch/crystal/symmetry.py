"""What symmetry calls a crystal: space group and prototype."""

import warnings

from pymatgen.core import Structure

PRECISION = 0.1
"""In angstrom; suits structures relaxed to a loose force."""


def spacegroup_symbol(structure: Structure) -> str:
    """Return the Hermann-Mauguin symbol by spglib, ``P1`` where it finds none."""
    return _spacegroup(structure)[0]


def spacegroup_number(structure: Structure) -> int:
    """Return the number of the space group by spglib, 1 where it finds none."""
    return _spacegroup(structure)[1]


def _spacegroup(structure: Structure) -> tuple[str, int]:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        found = SpacegroupAnalyzer(structure, symprec=PRECISION)
        return str(found.get_space_group_symbol()), int(found.get_space_group_number())
    except (SymmetryUndeterminedError, TypeError, ValueError):
        return "P1", 1


def prototype_label(structure: Structure) -> str | None:
    """Return the AFLOW-style label of an ordered arrangement, such as ``AB3C_cP5_221_a_c_b`` for perovskite.

    Anonymous formula, Pearson symbol, space group and occupied Wyckoff positions (Hicks et al., Comput. Mater. Sci. 161,
    S1 (2019)), by pymatgen; None where the symmetry cannot be determined. Free parameters are not in it: two
    crystals with one label may be of different types.
    """
    from pymatgen.analysis.prototypes import get_protostructure_label_from_spglib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls what pymatgen itself deprecates
            label = get_protostructure_label_from_spglib(structure, raise_errors=True, init_symprec=PRECISION)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return label.split(":", maxsplit=1)[0]
