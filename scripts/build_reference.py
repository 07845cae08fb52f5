"""Build the embedded set of known crystals: check the descriptions, relax them, write one file.

Reads the folder ``matsearch/crystal/data/compounds`` and writes ``matsearch/crystal/data/embedded.json.gz``. Finished
phases are kept in a journal beside the temporary files, so that an interrupted run goes on where it stopped; a
changed description or setting is relaxed anew. The same inputs give the same bytes, but for the date and what the
relaxations differ in between machines.
"""

import argparse
import gzip
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
# the neighbouring file is found, too, where this one is loaded by its path
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from reference_descriptions import SYMPREC, build, check_all, load_entries

from matsearch.core.structures import encode_structure
from matsearch.potentials.chgnet import CHGNetPotential

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

DATA = Path(__file__).resolve().parent.parent / "matsearch" / "crystal" / "data"
JOURNAL = Path(tempfile.gettempdir()) / "matsearch-build-reference.jsonl"

POTENTIAL_VERSION = "0.3.0"
FMAX = 0.01
MAX_STEPS = 500
OFF_THE_MINIMUM = 1.03
ALTERED = 0.06
DIGITS = 8
PACKAGES = ("ase", "chgnet", "numpy", "pymatgen", "pymatgen-core", "spglib", "torch")


def settings() -> dict[str, Any]:
    """Return what the relaxations depend on besides the potential."""
    return {
        "optimizer": "FIRE",
        "cell_filter": "FrechetCellFilter",
        "fix_symmetry": True,
        "fmax": FMAX,
        "max_steps": MAX_STEPS,
        "symprec": SYMPREC,
    }


# ------------------------------------------------------------------------------------------ relaxation


@cache
def _calculator() -> "Calculator":
    return CHGNetPotential(POTENTIAL_VERSION).calculator()


def relax(structure: Structure) -> tuple[Structure, float, int]:
    """Relax atoms and cell within the space group.

    Returns
    -------
    tuple
        The relaxed structure, its energy in eV and the number of steps.

    Raises
    ------
    RuntimeError
        If forces and stress did not come below the limit.
    """
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = _calculator()
    atoms.set_constraint(FixSymmetry(atoms, symprec=SYMPREC))
    optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)
    if not optimizer.run(fmax=FMAX, steps=MAX_STEPS):
        raise RuntimeError(f"not relaxed after {MAX_STEPS} steps")
    relaxed = Structure(
        Lattice(atoms.get_cell().array), atoms.get_chemical_symbols(), atoms.get_scaled_positions(wrap=True)
    )
    return relaxed, float(atoms.get_potential_energy()), int(optimizer.nsteps)


def make_phase(entry: dict[str, Any]) -> dict[str, Any]:
    """Relax one description and return its record."""
    literature = build(entry)
    relaxed, energy, steps = relax(literature)
    if steps == 0:  # within the limit by chance: the lattice shall be the potential's own all the same
        relaxed, energy, steps = relax(literature.copy().scale_lattice(OFF_THE_MINIMUM * literature.volume))
    change = lattice_change(literature, relaxed)
    return {
        "id": entry["id"],
        "formula": entry["formula"],
        "name": entry["name"],
        "prototype": entry["prototype"],
        "spacegroup": entry["spacegroup"],
        "source": entry["source"],
        "literature": encode_structure(literature),
        "relaxed": encode_structure(relaxed),
        "energy": energy,
        "energy_per_atom": energy / len(relaxed),
        "steps": steps,
        "volume_change": relaxed.volume / literature.volume,
        "lattice_change": change,
        "altered": abs(change) > ALTERED,
        "spacegroup_relaxed": SpacegroupAnalyzer(relaxed, symprec=SYMPREC).get_space_group_number(),
    }


def lattice_change(before: Structure, after: Structure) -> float:
    """Return the largest relative change of a, b and c of the conventional cell, with its sign.

    Both in one basis, that of the relaxed crystal: a relaxation may make another cell the standard one.
    """
    found = SpacegroupAnalyzer(after, symprec=SYMPREC).get_symmetry_dataset()
    to_conventional = np.linalg.inv(found.transformation_matrix).T
    lengths = [
        np.linalg.norm(to_conventional @ structure.lattice.matrix, axis=1) for structure in (before, after)
    ]
    changes = lengths[1] / lengths[0] - 1
    return float(changes[np.argmax(np.abs(changes))])


# ------------------------------------------------------------------------------------------ journal and file


def sha256(value: Any) -> str:
    """Return the hash of JSON types."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def journal_key(entry: dict[str, Any]) -> str:
    """Return the hash of all that a phase's record follows from."""
    return sha256([entry, settings(), CHGNetPotential(POTENTIAL_VERSION).info.sha256])


def read_journal(path: Path) -> dict[str, dict[str, Any]]:
    """Return finished phases by key; a half-written last line is passed over."""
    finished = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            finished[record["key"]] = record["phase"]
    return finished


def append_journal(path: Path, key: str, phase: dict[str, Any]) -> None:
    """Add one finished phase."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"key": key, "phase": phase}) + "\n")


def document(phases: list[dict[str, Any]], built: str) -> dict[str, Any]:
    """Return the file's content."""
    potential = CHGNetPotential(POTENTIAL_VERSION).info
    return {
        "format": 1,
        "name": "embedded-v2",
        "built": built,
        "potential": {"name": potential.name, "version": potential.version, "sha256": potential.sha256},
        "scheme_id": potential.scheme_id,
        "settings": settings() | {"off_the_minimum": OFF_THE_MINIMUM, "altered": ALTERED},
        "packages": {package: version(package) for package in PACKAGES},
        "phases": phases,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write the file; equal content gives equal bytes."""
    text = json.dumps(rounded(content), sort_keys=True, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def rounded(value: Any) -> Any:
    """Return the value with every float rounded."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    # adding zero turns -0.0 into 0.0
    return round(value, DIGITS) + 0.0 if isinstance(value, float) else value


# ------------------------------------------------------------------------------------------ command line


def finish(entries: list[dict[str, Any]], jobs: int) -> Iterator[tuple[dict[str, Any], dict[str, Any] | str]]:
    """Relax the entries and yield each with its record, or with the message of what went wrong."""
    if jobs == 1:
        for entry in entries:
            yield entry, _attempt(entry)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_attempt, entry): entry for entry in entries}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _attempt(entry: dict[str, Any]) -> dict[str, Any] | str:
    try:
        return make_phase(entry)
    except Exception as error:  # noqa: BLE001 - one phase must not stop the others
        return f"{type(error).__name__}: {error}"


def report(phase: dict[str, Any]) -> str:
    """Return one line about a phase."""
    kept = "" if phase["spacegroup"] == phase["spacegroup_relaxed"] else f" -> {phase['spacegroup_relaxed']}"
    return (
        f"{phase['id']:14s}{kept} atoms {len(phase['relaxed']['species']):3d}  steps {phase['steps']:3d}  "
        f"E/atom {phase['energy_per_atom']:9.4f}  lattice {100 * phase['lattice_change']:+6.2f} %  "
        f"volume {100 * (phase['volume_change'] - 1):+6.2f} %"
    )


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--compounds", type=Path, default=DATA / "compounds", help="folder or file of descriptions to read"
    )
    parser.add_argument("--output", type=Path, default=DATA / "embedded.json.gz", help="file to write")
    parser.add_argument("--journal", type=Path, default=JOURNAL, help="finished phases, for going on later")
    parser.add_argument(
        "--only", nargs="+", metavar="ID", help="relax and report these alone; writes no file"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument(
        "--built", default=datetime.now(UTC).date().isoformat(), help="date to put in the file"
    )
    parser.add_argument("--check", action="store_true", help="check the descriptions alone")
    return parser.parse_args()


def run_relaxations(entries: list[dict[str, Any]], journal: Path, jobs: int) -> tuple[dict[str, Any], int]:
    """Relax what the journal lacks; return the phases by id and the number of failures."""
    finished = read_journal(journal)
    keys = {entry["id"]: journal_key(entry) for entry in entries}
    phases = {identifier: finished[key] for identifier, key in keys.items() if key in finished}
    failures = 0
    for entry, outcome in finish([entry for entry in entries if entry["id"] not in phases], jobs):
        if isinstance(outcome, str):
            failures += 1
            print(f"{entry['id']}: {outcome}", file=sys.stderr)
            continue
        append_journal(journal, keys[entry["id"]], outcome)
        phases[entry["id"]] = outcome
        print(report(outcome), flush=True)
    return phases, failures


def main() -> int:
    """Check, relax and write; return the exit status."""
    options = arguments()
    entries = load_entries(options.compounds)
    problems = check_all(entries)
    for identifier, found in problems.items():
        print(f"{identifier}: {'; '.join(found)}", file=sys.stderr)
    if problems or options.check:
        print(f"{len(entries)} descriptions, {len(problems)} with problems")
        return 1 if problems else 0
    wanted = [entry for entry in entries if options.only is None or entry["id"] in options.only]
    phases, failures = run_relaxations(wanted, options.journal, options.jobs)
    if failures or options.only is not None:
        return 1 if failures else 0
    records = [phases[entry["id"]] | {"description_sha256": sha256(entry)} for entry in entries]
    write(options.output, document(records, options.built))
    print(f"{len(phases)} phases in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
