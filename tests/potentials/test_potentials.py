import pytest

from matsearch.core.errors import PotentialError
from matsearch.potentials import load_potential
from matsearch.potentials.frames import static_frame
from matsearch.testing.potential import PotentialContract


class TestToy(PotentialContract):
    @pytest.fixture
    def potential(self):
        return load_potential("toy")


class TestCHGNet(PotentialContract):
    """Single precision: differences of energies are good to about 1e-4 eV."""

    force_tolerance = 0.02
    energy_tolerance = 2e-6
    step = 1e-2

    @pytest.fixture
    def potential(self):
        return load_potential("chgnet")


@pytest.mark.parametrize(("name", "version"), [("nobody", None), ("chgnet", "9.9")])
def test_unknown_potentials_are_named_with_those_that_exist(name, version):
    with pytest.raises(PotentialError, match=r"known: .*(chgnet|0\.3\.0)"):
        load_potential(name, version)


def test_chgnet_gives_moments_and_the_reference_energy(rock_salt):
    frame = static_frame(rock_salt, load_potential("chgnet"))
    assert frame.magmoms is not None
    assert len(frame.magmoms) == len(rock_salt)
    # CHGNet 0.3.0's own StructOptimizer gives -3.67 eV/atom at its minimum
    assert frame.energy / 2 == pytest.approx(-3.67, abs=0.02)


def test_versions_of_chgnet_have_their_own_schemes():
    schemes = {load_potential("chgnet", v).info.scheme_id for v in ("0.3.0", "0.2.0", "r2scan")}
    assert schemes == {"chgnet-0.3.0", "chgnet-0.2.0", "chgnet-r2scan"}
