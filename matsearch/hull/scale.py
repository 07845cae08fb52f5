"""An energy of one scheme on the scale of a hull of another."""

from collections.abc import Mapping

from pymatgen.core import Structure

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.schemes import Route, get_scheme, require_comparable
from matsearch.crystal.hubbard import hubbard_u
from matsearch.hull.corrections import mp2020_correction


def on_hull_scale(
    structure: Structure,
    energy: float,
    scheme_id: str,
    hull_scheme_id: str,
    own_elements: Mapping[str, float] | None,
    hull_elements: Mapping[str, float],
) -> float:
    r"""Return a crystal's energy as it is measured against a hull.

    Along the route of :func:`matsearch.core.schemes.require_comparable` the energy is kept, corrected, or carried
    over by its formation energy, :math:`E - \sum_i n_i \mu_i^{own} + \sum_i n_i \mu_i^{hull}`, and then corrected.

    Parameters
    ----------
    energy : float
        Total, in eV, of the structure as given.
    own_elements : mapping of str to float or None
        Energies of the elements in the energy's own scheme, in eV/atom; needed for formation energies alone.
    hull_elements : mapping of str to float
        Energies of the elements in the hull, in eV/atom.

    Returns
    -------
    float
        Total, in eV, on the hull's scale.

    Raises
    ------
    SchemeMismatchError
        If the two may not meet, for want of a route, of an element's energy, or of a U that the hull's energies have.
    ReferenceHullError
        If the Materials Project 2020 corrections reject the crystal.
    """
    route = require_comparable(scheme_id, hull_scheme_id)
    if route in {Route.FORMATION, Route.FORMATION_MP2020}:
        _require_same_u(structure, scheme_id, hull_scheme_id)
        energy += _exchange(structure, own_elements or {}, hull_elements, scheme_id, hull_scheme_id)
    if route in {Route.MP2020, Route.FORMATION_MP2020}:
        energy += mp2020_correction(structure)
    return energy


def _exchange(
    structure: Structure,
    own: Mapping[str, float],
    hull: Mapping[str, float],
    scheme_id: str,
    hull_scheme_id: str,
) -> float:
    amounts = structure.composition.get_el_amt_dict()
    for scheme, known in ((scheme_id, own), (hull_scheme_id, hull)):
        missing = sorted(amounts.keys() - known.keys())
        if missing:
            raise SchemeMismatchError(
                f"energies of {scheme_id} meet a hull of {hull_scheme_id} through formation energies alone, and "
                f"nothing gives the energy of {', '.join(missing)} in {scheme}",
                f"compute the pure element{'s' * (len(missing) > 1)} in {scheme}, or use a hull of {scheme_id}",
            )
    return sum(n * (hull[symbol] - own[symbol]) for symbol, n in amounts.items())


def _require_same_u(structure: Structure, scheme_id: str, hull_scheme_id: str) -> None:
    """Refuse a plain PBE energy where the hull's phases have U: their formation energies differ by eVs."""
    energies, hull = get_scheme(scheme_id), get_scheme(hull_scheme_id)
    if "GGA+U" not in hull.run_types or "GGA+U" in energies.run_types:
        return
    u_values = hubbard_u(structure.composition.element_composition)
    if u_values:
        without_u = [s for s in energies.routes if "GGA+U" not in get_scheme(s).run_types]
        raise SchemeMismatchError(
            f"{structure.composition.reduced_formula}: {scheme_id} has no U, and a hull of {hull_scheme_id} has one on "
            f"{', '.join(sorted(u_values))} in such a compound",
            f"use a hull of {' or '.join(sorted([scheme_id, *without_u]))}",
        )
