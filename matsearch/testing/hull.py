"""The contract of a ReferenceHull. Subclass it and give the fixture ``hull``."""

from collections.abc import Sequence

import pytest
from pymatgen.core import Composition

from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import KnownPhase, ReferenceHull
from matsearch.core.records import HullPlacement


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
        assert all(p.energy_above_hull > -1e-8 for p in _placed(hull, hull.phases()))

    def test_elements_have_no_formation_energy(self, hull: ReferenceHull) -> None:
        """The lowest phase of each element has formation energy zero and lies on the hull."""
        assert tuple(hull.element_energies) == hull.info.elements
        elements = [
            KnownPhase(phase_id=symbol, formula=symbol, energy_per_atom=energy)
            for symbol, energy in hull.element_energies.items()
        ]
        for placement in _placed(hull, elements):
            assert placement.formation_energy_per_atom == pytest.approx(0.0, abs=1e-8)
            assert placement.energy_above_hull == pytest.approx(0.0, abs=1e-8)

    def test_distance_is_signed_and_linear(self, hull: ReferenceHull) -> None:
        """An energy 0.3 eV/atom lower lies 0.3 eV/atom lower, below the hull too; its products sum to one."""
        phase = hull.phases()[-1]
        lower = phase.evolve(energy_per_atom=phase.energy_per_atom - 0.3)
        high, low = _placed(hull, [phase, lower])
        assert low.energy_above_hull == pytest.approx(high.energy_above_hull - 0.3, abs=1e-9)
        assert sum(high.decomposition.values()) == pytest.approx(1.0)

    def test_a_batch_answers_as_one_by_one(self, hull: ReferenceHull) -> None:
        """An answer is the same to the last bit, whatever it is asked together with, and in whatever order."""
        phases = list(hull.phases())
        together = _placed(hull, phases)
        assert [_placed(hull, [phase])[0] for phase in phases] == together
        assert _placed(hull, phases[::-1]) == together[::-1]
        assert _placed(hull, []) == []

    def test_nothing_placed_changes_it(self, hull: ReferenceHull) -> None:
        """Placing an absurd energy leaves the next answer as it was."""
        phase = hull.phases()[0]
        before = _placed(hull, [phase])
        _placed(hull, [phase.evolve(energy_per_atom=-1e5)])
        assert _placed(hull, [phase]) == before

    def test_other_elements_are_refused(self, hull: ReferenceHull) -> None:
        """A composition outside its elements is refused by name."""
        stranger = next(s for s in ("Xe", "Kr") if s not in hull.info.elements)
        with pytest.raises(ReferenceHullError, match=stranger):
            hull.place([Composition(stranger)], [-1.0], hull.info.scheme_id)

    def test_other_schemes_are_refused(self, hull: ReferenceHull) -> None:
        """An energy of a scheme that does not fit is refused."""
        stranger = "toy" if hull.info.scheme_id != "toy" else "chgnet-r2scan"
        with pytest.raises(SchemeMismatchError):
            hull.place([Composition(hull.phases()[0].formula)], [-1.0], stranger)


def _placed(hull: ReferenceHull, phases: Sequence[KnownPhase]) -> list[HullPlacement]:
    compositions = [Composition(phase.formula) for phase in phases]
    energies = [p.energy_per_atom * c.num_atoms for p, c in zip(phases, compositions, strict=True)]
    return hull.place(compositions, energies, hull.info.scheme_id)
