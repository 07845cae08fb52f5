"""The contract of a ReferenceHull. Subclass it and give the fixtures ``hull`` and ``scheme_id``."""

import pytest
from pymatgen.core import Composition

from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import ReferenceHull


class ReferenceHullContract:
    """What every reference hull must keep.

    Subclasses define a fixture ``hull``; energies are placed in the hull's own scheme.
    """

    @pytest.fixture
    def hull(self) -> ReferenceHull:
        """Return the hull under test."""
        raise NotImplementedError

    def test_is_named_and_hashed(self, hull: ReferenceHull) -> None:
        """It has the protocol's shape, a name, a hash and a count."""
        assert isinstance(hull, ReferenceHull)
        assert hull.info.name
        assert len(hull.info.sha256) == 64
        assert hull.info.n_phases == len(hull.phases())

    def test_no_reference_phase_lies_below(self, hull: ReferenceHull) -> None:
        """Every phase of the reference lies on its hull or above it."""
        for phase in hull.phases():
            composition = Composition(phase.formula)
            energy = phase.energy_per_atom * composition.num_atoms
            assert hull.place(composition, energy, hull.info.scheme_id).energy_above_hull > -1e-8

    def test_elements_have_no_formation_energy(self, hull: ReferenceHull) -> None:
        """The lowest phase of each element has formation energy zero and lies on the hull."""
        for symbol in hull.info.elements:
            lowest = min(
                p.energy_per_atom
                for p in hull.phases()
                if Composition(p.formula).elements[0].symbol == symbol and len(Composition(p.formula)) == 1
            )
            placement = hull.place(Composition(symbol), lowest, hull.info.scheme_id)
            assert placement.formation_energy_per_atom == pytest.approx(0.0, abs=1e-8)
            assert placement.energy_above_hull == pytest.approx(0.0, abs=1e-8)

    def test_distance_is_signed_and_linear(self, hull: ReferenceHull) -> None:
        """An energy 0.3 eV/atom lower lies 0.3 eV/atom lower, below the hull too; its products sum to one."""
        phase = hull.phases()[-1]
        composition = Composition(phase.formula)
        high = hull.place(composition, phase.energy_per_atom * composition.num_atoms, hull.info.scheme_id)
        low = hull.place(
            composition, (phase.energy_per_atom - 0.3) * composition.num_atoms, hull.info.scheme_id
        )
        assert low.energy_above_hull == pytest.approx(high.energy_above_hull - 0.3, abs=1e-9)
        assert sum(high.decomposition.values()) == pytest.approx(1.0)

    def test_nothing_placed_changes_it(self, hull: ReferenceHull) -> None:
        """Placing an absurd energy leaves the next answer as it was."""
        phase = hull.phases()[0]
        composition = Composition(phase.formula)
        energy = phase.energy_per_atom * composition.num_atoms
        before = hull.place(composition, energy, hull.info.scheme_id)
        hull.place(composition, -1e5, hull.info.scheme_id)
        assert hull.place(composition, energy, hull.info.scheme_id) == before

    def test_other_elements_are_refused(self, hull: ReferenceHull) -> None:
        """A composition outside its elements is refused by name."""
        stranger = next(s for s in ("Xe", "Kr") if s not in hull.info.elements)
        with pytest.raises(ReferenceHullError, match=stranger):
            hull.place(Composition(stranger), -1.0, hull.info.scheme_id)

    def test_other_schemes_are_refused(self, hull: ReferenceHull) -> None:
        """An energy of a scheme that does not fit is refused."""
        stranger = "toy" if hull.info.scheme_id != "toy" else "chgnet-r2scan"
        with pytest.raises(SchemeMismatchError):
            hull.place(Composition(hull.phases()[0].formula), -1.0, stranger)
