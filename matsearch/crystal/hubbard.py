"""The U values of the Materials Project: which compounds have one, and how large it is."""

import warnings
from functools import cache

from pymatgen.core import Composition


def hubbard_u(composition: Composition) -> dict[str, float]:
    """Return the U values (eV, by element) of ``MPRelaxSet`` for a composition; empty where it runs plain GGA.

    V, Cr, Mn, Fe, Co, Ni, Mo and W have one where O or F is the most electronegative element.

    References
    ----------
    Jain et al., Phys. Rev. B 84, 045115 (2011), https://doi.org/10.1103/PhysRevB.84.045115.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no electronegativity
        most_electronegative = sorted(composition.elements, key=lambda element: element.X)[-1]
    values = _values_by_anion().get(most_electronegative.symbol, {})
    return {e.symbol: float(values[e.symbol]) for e in composition.elements if values.get(e.symbol)}


@cache
def _values_by_anion() -> dict[str, dict[str, float]]:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    return MaterialsProject2020Compatibility(check_potcar=False).u_settings
