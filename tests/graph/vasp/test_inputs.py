import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Incar, Kpoints, Poscar
from pymatgen.io.vasp.sets import (
    MP24RelaxSet,
    MP24StaticSet,
    MPRelaxSet,
    MPScanRelaxSet,
    MPScanStaticSet,
    MPStaticSet,
)

from matsearch.core.verify_section import VaspSection
from matsearch.graph.vasp import write_inputs

SEEDED = [3.7, 3.7, 3.7, 3.7, 0.6, 0.6, 0.6, 0.6]
ABSENT = None
KEPT = {"LWAVE": True}  # the next calculation begins with its orbitals
NARROW = {"SIGMA": 0.05}  # atomate2 leaves smearing as the file of the set has it (auto_ismear=False)
BY_ATOMATE2 = {
    "MPGGADoubleRelaxStaticMaker": [(MPRelaxSet, {}), (MPRelaxSet, {}), (MPStaticSet, {})],
    "MP24DoubleRelaxStaticMaker": [
        (MP24RelaxSet, {**KEPT, "GGA": "Ps", "METAGGA": ABSENT}),  # PBEsol before r2SCAN
        (MP24RelaxSet, KEPT),
        (MP24StaticSet, {"LELF": True, "KPAR": 1}),  # the localisation function is kept, and forbids KPAR
    ],
    "MPMetaGGADoubleRelaxStaticMaker": [
        # PBEsol before r2SCAN, relaxed less far
        (MPScanRelaxSet, {**KEPT, **NARROW, "GGA": "Ps", "METAGGA": ABSENT, "EDIFFG": -0.05}),
        (MPScanRelaxSet, {**KEPT, **NARROW}),
        (MPScanStaticSet, {**NARROW, "LVHAR": ABSENT}),  # the potential is not needed
    ],
}


@pytest.fixture
def iron_oxide():
    corners = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    others = [[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    return Structure(Lattice.cubic(4.3), ["Fe"] * 4 + ["O"] * 4, corners + others)


@pytest.mark.parametrize("maker", BY_ATOMATE2)
def test_inputs_are_those_of_pymatgens_sets_key_by_key(maker, iron_oxide, task_of, tmp_path):
    task = task_of(iron_oxide, magmoms=(3.7,) * 4 + (0.1,) * 4, maker=maker)

    folders = write_inputs(task, VaspSection(maker=maker), tmp_path)

    assert [folder.name[:2] for folder in folders] == ["01", "02", "03"]
    for folder, (kind, changed) in zip(folders, BY_ATOMATE2[maker], strict=True):
        expected = kind(iron_oxide.copy(site_properties={"magmom": SEEDED}))
        expected_incar = {**Incar.from_str(str(expected.incar)), **changed}
        assert dict(Incar.from_file(folder / "INCAR")) == {
            k: v for k, v in expected_incar.items() if v is not ABSENT
        }
        assert Poscar.from_file(folder / "POSCAR").structure == iron_oxide
        assert (folder / "POTCAR.spec").read_text().split() == expected.potcar_symbols
        assert (folder / "KPOINTS").exists() == (expected.kpoints is not None)
        if expected.kpoints is not None:
            kpoints = Kpoints.from_file(folder / "KPOINTS")
            assert (kpoints.kpts, kpoints.style) == (expected.kpoints.kpts, Kpoints.supported_modes.Gamma)
    assert not list(tmp_path.rglob("POTCAR"))


def test_plus_u_and_moments_are_those_of_the_task(iron_oxide, task_of, tmp_path):
    task = task_of(iron_oxide, magmoms=(3.7,) * 4 + (0.1,) * 4)

    incar = Incar.from_file(write_inputs(task, VaspSection(), tmp_path)[0] / "INCAR")

    assert incar["MAGMOM"] == SEEDED
    assert incar["LDAUU"] == [5.3, 0]


def test_the_makers_own_moments_without_seeds(iron_oxide, task_of, tmp_path):
    task = task_of(iron_oxide, magmoms=(3.7,) * 4 + (0.1,) * 4)
    section = VaspSection(magnetic_orderings="none")

    assert (
        Incar.from_file(write_inputs(task, section, tmp_path)[0] / "INCAR")["MAGMOM"] == [5.0] * 4 + [0.6] * 4
    )


def test_magnetic_orders_have_folders_of_their_own(iron_oxide, task_of, tmp_path):
    task = task_of(iron_oxide, magmoms=(3.7,) * 4 + (0.1,) * 4)

    folders = write_inputs(task, VaspSection(n_orderings=2), tmp_path)

    assert [folder.name for folder in folders[::3]] == ["01_FM_MP_GGA_relax_1", "04_AFM_++--_MP_GGA_relax_1"]
    assert Incar.from_file(folders[3] / "INCAR")["MAGMOM"].count(-3.7) == 2


def test_a_text_says_what_to_do(iron_oxide, task_of, tmp_path):
    write_inputs(task_of(iron_oxide), VaspSection(), tmp_path)

    text = (tmp_path / "README.txt").read_text()

    assert "FeO (c-1)" in text
    assert "03_MP_GGA_static: PBE" in text
