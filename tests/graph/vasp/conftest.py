import gzip
import shutil
from pathlib import Path

import pytest
from jobflow import JobStore, OnMissing, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure

from matsearch.core.dft import DftTask
from matsearch.core.verify_section import VaspSection
from matsearch.graph.vasp import vasp_flow, vasp_settings

DATA = Path(__file__).parent / "data"


@pytest.fixture
def silicon():
    """The crystal of the reference outputs: one silicon atom in a cubic face-centred cell."""
    half = 2.7
    return Structure(Lattice([[half, half, 0], [0, half, half], [half, 0, half]]), ["Si"], [[0.1, 0, 0]])


@pytest.fixture
def task_of():
    def make(structure, magmoms=None, box=False, **section):
        settings = vasp_settings(VaspSection(**section))
        label = f"{structure.composition.reduced_formula} (c-1)"
        return DftTask(
            key="0" * 64, label=label, structure=structure, settings=settings, magmoms=magmoms, box=box
        )

    return make


@pytest.fixture
def reference(tmp_path):
    """Unpack reference outputs, with words of vasprun.xml replaced, as atomate2's stand-in for VASP wants them."""

    def unpack(name="relaxed", edits=(), wanted=("vasprun.xml", "OUTCAR", "CONTCAR")):
        folder = tmp_path / "reference" / f"{name}-{len(list(tmp_path.glob('reference/*')))}"
        outputs = folder / "outputs"
        outputs.mkdir(parents=True)
        for file in wanted:
            content = gzip.decompress((DATA / name / f"{file}.gz").read_bytes()).decode()
            for old, new in edits if file == "vasprun.xml" else ():
                assert old in content
                content = content.replace(old, new)
            (outputs / file).write_text(content)
        for file in ("WAVECAR", "CHGCAR", "INCAR", "POSCAR"):
            shutil.copy(outputs / wanted[-1], outputs / file)
        return folder

    return unpack


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a task's flow in this process, VASP replaced by reference outputs; return the flow's output."""
    from atomate2.utils.testing.vasp import monkeypatch_vasp

    stand_in = monkeypatch_vasp(monkeypatch, tmp_path, nelect=4)
    prepare = next(stand_in)

    def carry_out(task, section, outputs, **options):
        flow = vasp_flow(task, section)
        names = [job.name for job, _ in flow.iterflow()][:-1]
        places = dict(zip(names, outputs, strict=False))
        prepare(places, {name: {"check_inputs": ()} for name in places})
        store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        root = tmp_path / "jobs"
        root.mkdir(exist_ok=True)
        run_locally(flow, store=store, root_dir=root, create_folders=True, log=False, **options)
        return flow.output.resolve(store, on_missing=OnMissing.NONE)

    yield carry_out
    stand_in.close()
    from atomate2.utils.testing import vasp

    vasp._REF_PATHS.clear()
    vasp._FAKE_RUN_VASP_KWARGS.clear()
