import hashlib
import io
import json

import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.config import PotentialSection
from matsearch.core.dft import DftSettings, IonicSteps
from matsearch.core.errors import InputError
from matsearch.core.records import Frame
from matsearch.export.frames.chgnet import chgnet_frames
from matsearch.export.frames.extxyz import ase_text, mace_text
from matsearch.export.frames.folder import FORMATS, formats_of, write_frames
from matsearch.export.frames.rows import FrameSource, by_settings
from matsearch.potentials import load_potential
from matsearch.potentials.frames import EV_A3_TO_GPA, static_frame, to_atoms
from matsearch.testing.samples import sample_structure
from tests.strategies import structures

SETTINGS = DftSettings(code="GPAW", functional="PBE+U", scheme_id="gpaw-pbe+u", parameters={"cutoff": 700})
STRESS = ((1.0, 0.2, -0.3), (0.2, -2.0, 0.4), (-0.3, 0.4, 3.0))


def frame_of(structure, energy=-7.5, **labels):
    n = len(structure)
    given = {
        "forces": tuple((0.1 * i, -0.25, 0.5) for i in range(n)),
        "stress": STRESS,
        "magmoms": tuple(-1.5 + i for i in range(n)),
    }
    return Frame(
        structure=structure,
        energy=energy,
        scheme_id="gpaw-pbe+u",
        source="GPAW 26.7.0",
        **{**given, **labels},
    )


def source_of(
    *frames,
    key="a",
    names=("candidate:0123456789012345",),
    settings=SETTINGS,
    hubbards={"Fe": 5.3},  # noqa: B006 - read alone
    software="GPAW 26.7.0",
    converged=True,
):
    steps = IonicSteps(frames=frames, settings=settings, hubbards=hubbards, software=software)
    return FrameSource(key=key * 64, names=names, steps=steps, converged=converged)


def rows_of(*sources):
    (group,) = by_settings(sources)
    return group.rows


def read(text):
    return ase.io.read(io.StringIO(text), index=":", format="extxyz")


@settings(max_examples=20)
@given(structures(), st.floats(-1e4, 1e4))
def test_ase_reads_back_what_was_computed(structure, energy):
    frame = frame_of(structure, energy)
    (atoms,) = read(ase_text(rows_of(source_of(frame))))
    given_atoms = to_atoms(structure)
    assert atoms.get_chemical_symbols() == given_atoms.get_chemical_symbols()
    np.testing.assert_allclose(atoms.cell.array, given_atoms.cell.array, rtol=1e-12)
    np.testing.assert_allclose(atoms.positions, given_atoms.positions, atol=1e-7)
    assert atoms.pbc.all()
    assert atoms.get_potential_energy() == energy
    np.testing.assert_allclose(atoms.get_forces(), frame.forces, atol=1e-8)
    np.testing.assert_allclose(atoms.get_stress(voigt=False) * EV_A3_TO_GPA, STRESS, atol=1e-9)
    np.testing.assert_allclose(atoms.get_magnetic_moments(), frame.magmoms, atol=1e-8)


def test_stress_has_the_sign_of_ase():
    stretched = sample_structure()
    stretched.scale_lattice(stretched.volume * 1.3)
    potential = load_potential("toy")
    (atoms,) = read(ase_text(rows_of(source_of(static_frame(stretched, potential)))))
    again = to_atoms(stretched)
    again.calc = potential.calculator()
    np.testing.assert_allclose(atoms.get_stress(), again.get_stress(), atol=1e-12)
    assert atoms.get_stress()[0] > 0


@pytest.mark.parametrize(("first", "second"), [("Na", "N"), ("In", "F"), ("F", "F")])
def test_where_a_frame_is_from_stays_text(first, second):
    source = source_of(
        frame_of(sample_structure(first, second)),
        names=("candidate:0123456789012345", 'phase:x" y\n2\nenergy=1 \\{T}'),
    )
    for text in (ase_text(rows_of(source)), mace_text(rows_of(source))):
        (atoms,) = read(text)
        assert atoms.info["formula"] == sample_structure(first, second).composition.formula
        assert atoms.info["ids"] == "candidate:0123456789012345 phase:x__y_2_energy_1___T_"
        assert atoms.info["settings_key"] == f"key:{SETTINGS.key}"
        assert atoms.info["task_key"] == "key:" + 64 * "a"
        assert atoms.info["scheme_id"] == "gpaw-pbe+u"
        assert (atoms.info["code"], atoms.info["functional"]) == ("GPAW", "PBE+U")
        assert atoms.info["software"] == "GPAW 26.7.0"
        assert atoms.info["step"] == 0
        assert json.loads(atoms.info["hubbards"]) == {"Fe": 5.3}


def test_steps_that_lead_to_no_minimum_say_so(tmp_path):
    sources = [
        source_of(frame_of(sample_structure(), -7.0)),
        source_of(frame_of(sample_structure(), -6.0), key="b", converged=False),
    ]
    index = write_frames(sources, tmp_path)
    (group,) = index["settings"]
    assert [c["converged"] for c in group["calculations"]] == [True, False]
    for name in ("extxyz", "mace"):
        file = next(file for file in group["files"] if file["format"] == name)
        images = ase.io.read(tmp_path / file["name"], index=":")
        assert [atoms.info["converged"] for atoms in images] == [True, False]
    data = chgnet_frames(rows_of(*sources)).data
    assert [step["converged"] for steps in data.values() for step in steps.values()] == [True, False]


def test_mace_finds_its_keys():
    frame = frame_of(sample_structure())
    bare = frame_of(sample_structure(), -8.0, stress=None, magmoms=None)
    whole, without = read(mace_text(rows_of(source_of(frame, bare))))
    assert whole.info["REF_energy"] == frame.energy
    np.testing.assert_allclose(whole.info["REF_stress"].reshape(3, 3) * EV_A3_TO_GPA, STRESS, atol=1e-12)
    np.testing.assert_allclose(whole.arrays["REF_forces"], frame.forces, atol=1e-8)
    assert whole.info["config_type"] == "gpaw-pbe+u"
    assert whole.calc is None
    assert "REF_stress" not in without.info


def test_exact_repeats_are_written_once_and_order_depends_on_content_alone():
    first, second = frame_of(sample_structure(), -7.0), frame_of(sample_structure(), -7.5)
    one = source_of(first, second, second, key="b")
    two = source_of(frame_of(sample_structure("Al", "N", 4.4)), key="a")
    (forth,), (back,) = by_settings([one, two]), by_settings([two, one])
    assert ase_text(forth.rows) == ase_text(back.rows)
    assert [(row.source.key[0], row.step) for row in forth.rows] == [("a", 0), ("b", 0), ("b", 1)]
    assert forth.n_repeats == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (frame_of(sample_structure(), stress=None), "without stress"),
        (frame_of(sample_structure(), forces=None), "without forces"),
        (frame_of(Structure(Lattice.cubic(12), ["Na"], [[0, 0, 0]])), "an atom has no neighbour within 6"),
    ],
)
def test_chgnet_is_not_given_what_it_would_replace_at_random(frame, reason):
    found = chgnet_frames(rows_of(source_of(frame)))
    assert found.data == {}
    ((why, n),) = found.left_out.items()
    assert n == 1
    assert why.startswith(reason)


def test_chgnet_loads_energies_forces_stresses_and_moments(tmp_path, capsys):
    from chgnet.data.dataset import StructureJsonData
    from chgnet.graph import CrystalGraphConverter
    from chgnet.model import CHGNet

    crystal = sample_structure("Fe", "O", 4.4)
    crystal.apply_strain([0.03, 0.0, -0.01])
    crystal.perturb(0.05, seed=1)
    frame = static_frame(crystal, load_potential("chgnet"))
    signed = frame.evolve(magmoms=tuple(-m for m in frame.magmoms or ()))
    other = frame_of(sample_structure(), magmoms=None)
    index = write_frames([source_of(signed), source_of(other, key="c")], tmp_path, ["chgnet"])
    (file,) = index["settings"][0]["files"]
    data = StructureJsonData(
        str(tmp_path / file["name"]),
        CrystalGraphConverter(atom_graph_cutoff=6, bond_graph_cutoff=3),
        shuffle=False,
    )
    model = CHGNet.load(use_device="cpu", verbose=False)
    targets = {data.keys[i][0][0]: data[i][1] for i in range(len(data))}
    assert data.failed_idx == []
    predicted = model.predict_structure(crystal)
    for name in "efsm":
        np.testing.assert_allclose(targets["a"][name].numpy(), predicted[name], atol=2e-4)
    assert np.abs(predicted["s"]).max() > 1.0
    assert targets["c"]["m"] is None
    capsys.readouterr()


def test_settings_never_share_a_file(tmp_path):
    other = SETTINGS.evolve(functional="PBE", scheme_id="gpaw-pbe")
    frame = frame_of(sample_structure())
    index = write_frames(
        [source_of(frame), source_of(frame, key="b", settings=other, names=("phase:LiAl-227",))], tmp_path
    )
    assert json.loads((tmp_path / "frames.json").read_text()) == index
    files = [file for group in index["settings"] for file in group["files"]]
    assert [file["name"].split("/")[0] for file in files] == [*FORMATS, *FORMATS]
    for group in index["settings"]:
        for file in group["files"]:
            assert group["settings_key"][:8] in file["name"]
            assert file["frames"] == 1
            content = (tmp_path / file["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert files[0]["name"] == f"extxyz/gpaw-pbe-{other.key[:8]}.extxyz"
    assert index["settings"][0]["calculations"][0]["ids"] == ["phase:LiAl-227"]


def test_the_same_campaign_gives_the_same_files(tmp_path):
    sources = [
        source_of(frame_of(sample_structure())),
        source_of(frame_of(sample_structure("K", "F")), key="d"),
    ]
    first = write_frames(sources, tmp_path / "a")
    assert write_frames(sources[::-1], tmp_path / "b") == first


def test_unknown_formats_and_unwritable_folders_are_said(tmp_path):
    with pytest.raises(InputError, match="--format vasp"):
        formats_of("vasp")
    assert formats_of("all") == FORMATS
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_frames([source_of(frame_of(sample_structure()))], blocked)


def test_a_campaigns_frames_come_from_real_calculations(tmp_path):
    from matsearch.core.verify_section import RunSection
    from matsearch.verify.potential import PotentialBackend
    from tests.verify.tasks import task_of

    backend = PotentialBackend(PotentialSection(name="toy"), RunSection())
    crystal = sample_structure()
    crystal.perturb(0.1, seed=2)
    task = task_of(crystal, backend.settings)
    calculation = backend.run(task).calculation
    source = FrameSource(key=task.key, names=("candidate:x",), steps=calculation.steps)
    index = write_frames([source], tmp_path, ["extxyz"])
    images = ase.io.read(tmp_path / index["settings"][0]["files"][0]["name"], index=":")
    assert [a.get_potential_energy() for a in images] == [f.energy for f in calculation.frames]
    for atoms in images:
        stored = atoms.get_forces()
        atoms.calc = load_potential("toy").calculator()
        np.testing.assert_allclose(atoms.get_forces(), stored, atol=1e-5)
