"""Build the embedded set of known crystals: check the descriptions, relax them, write one file.

Reads ``matsearch/crystal/data/compounds.yaml`` and writes ``matsearch/crystal/data/embedded.json.gz``. Finished
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
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import spglib
import yaml
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsearch.core.structures import encode_structure
from matsearch.crystal.limits import shortest_contact_ratio
from matsearch.potentials.chgnet import CHGNetPotential

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

DATA = Path(__file__).resolve().parent.parent / "matsearch" / "crystal" / "data"
JOURNAL = Path(tempfile.gettempdir()) / "matsearch-build-reference.jsonl"

POTENTIAL_VERSION = "0.3.0"
FMAX = 0.01
MAX_STEPS = 500
SYMPREC = 0.01
DIGITS = 8
# short double bonds reach 0.9 of the sum of the covalent radii
MIN_CONTACT_RATIO = 0.6
SITE_TOLERANCE = 1e-4
# spglib's names of the standard settings: unique axis b, origin choice 2, hexagonal axes, or the only one
SETTINGS = frozenset({"", "2", "H", "b", "b1"})
# of a spacegroup's lattice parameters: crystal system -> those that a description gives
FREE_PARAMETERS = {
    "triclinic": ("a", "b", "c", "alpha", "beta", "gamma"),
    "monoclinic": ("a", "b", "c", "beta"),
    "orthorhombic": ("a", "b", "c"),
    "tetragonal": ("a", "c"),
    "trigonal": ("a", "c"),
    "hexagonal": ("a", "c"),
    "cubic": ("a",),
}
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


# ------------------------------------------------------------------------------------------ descriptions


def load_entries(path: Path) -> list[dict[str, Any]]:
    """Return the descriptions in the file's order."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def crystal_system(number: int) -> str:
    """Return the crystal system of a space group."""
    limits = {2: "triclinic", 15: "monoclinic", 74: "orthorhombic", 142: "tetragonal", 167: "trigonal"}
    limits |= {194: "hexagonal", 230: "cubic"}
    return next(system for limit, system in limits.items() if number <= limit)


def lattice_of(entry: dict[str, Any]) -> Lattice:
    """Return the conventional lattice from the free parameters of the crystal system."""
    system = crystal_system(entry["spacegroup"])
    given = entry["lattice"]
    expected = FREE_PARAMETERS[system]
    if set(given) != set(expected):
        raise ValueError(f"a {system} lattice has the parameters {', '.join(expected)}")
    a = given["a"]
    b = given.get("b", a)
    c = given.get("c", a)
    gamma = 120 if system in {"trigonal", "hexagonal"} else given.get("gamma", 90)
    return Lattice.from_parameters(a, b, c, given.get("alpha", 90), given.get("beta", 90), gamma)


@cache
def operations(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotations and translations of a space group in the setting of the descriptions."""
    for hall in range(1, 531):
        group = spglib.get_spacegroup_type(hall)
        if group.number == number and group.choice in SETTINGS:
            symmetry = spglib.get_symmetry_from_database(hall)
            return symmetry["rotations"], symmetry["translations"]
    raise ValueError(f"no space group {number}")


def orbit(number: int, xyz: list[float]) -> np.ndarray:
    """Return the fractional coordinates of all atoms of a site, which is first put exactly on its position."""
    rotations, translations = operations(number)
    shifts = rotations @ np.array(xyz, dtype=float) + translations - xyz
    shifts -= np.round(shifts)
    exact = xyz + shifts[np.abs(shifts).max(axis=1) < SITE_TOLERANCE].mean(axis=0)
    found: list[np.ndarray] = []
    for image in np.mod(np.round(rotations @ exact + translations, 12), 1):
        apart = [np.abs(image - other - np.round(image - other)).max() for other in found]
        if min(apart, default=1) > SITE_TOLERANCE:
            found.append(image)
    return np.array(found)


def build_conventional(entry: dict[str, Any]) -> Structure:
    """Return the conventional cell of a description."""
    orbits = [(site["element"], orbit(entry["spacegroup"], site["xyz"])) for site in entry["sites"]]
    species = [element for element, coords in orbits for _ in coords]
    return Structure(lattice_of(entry), species, np.concatenate([coords for _, coords in orbits]))


def build(entry: dict[str, Any]) -> Structure:
    """Return the primitive standard cell of a description."""
    return SpacegroupAnalyzer(build_conventional(entry), symprec=SYMPREC).get_primitive_standard_structure()


def check(entry: dict[str, Any]) -> list[str]:
    """Return what is wrong with a description; nothing if it holds."""
    try:
        problems = _orbit_problems(entry)
        conventional = build_conventional(entry)
    except (ValueError, KeyError) as error:
        return [str(error)]
    if conventional.composition.reduced_composition != Composition(entry["formula"]).reduced_composition:
        problems.append(f"composition {conventional.composition.formula} is not {entry['formula']}")
    ratio = shortest_contact_ratio(conventional)
    if ratio < MIN_CONTACT_RATIO:
        return [*problems, f"two atoms at {ratio:.2f} of the sum of their radii"]
    found = SpacegroupAnalyzer(conventional, symprec=SYMPREC).get_space_group_number()
    if found != entry["spacegroup"]:
        problems.append(f"space group {found} found, {entry['spacegroup']} declared")
    return problems


def check_all(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the problems by id, for the entries that have any."""
    problems = {entry["id"]: check(entry) for entry in entries}
    for identifier, count in Counter(entry["id"] for entry in entries).items():
        if count > 1:
            problems[identifier].append(f"given {count} times")
    return {identifier: found for identifier, found in problems.items() if found}


def _orbit_problems(entry: dict[str, Any]) -> list[str]:
    problems = []
    for site in entry["sites"]:
        multiplicity = len(orbit(entry["spacegroup"], site["xyz"]))
        if multiplicity != int(site["wyckoff"][:-1]):
            problems.append(
                f"{site['element']} at {site['xyz']}: {multiplicity} atoms, not {site['wyckoff']}"
            )
    return problems


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
        "lattice_change": lattice_change(literature, relaxed),
        "spacegroup_relaxed": SpacegroupAnalyzer(relaxed, symprec=SYMPREC).get_space_group_number(),
    }


def lattice_change(before: Structure, after: Structure) -> float:
    """Return the largest relative change of a, b and c of the conventional cell, with its sign."""
    lengths = [
        np.array(SpacegroupAnalyzer(structure, symprec=SYMPREC).get_refined_structure().lattice.abc)
        for structure in (before, after)
    ]
    changes = lengths[1] / lengths[0] - 1
    return float(changes[np.argmax(np.abs(changes))])


# ------------------------------------------------------------------------------------------ journal and file


def journal_key(entry: dict[str, Any]) -> str:
    """Return the hash of all that a phase's record follows from."""
    basis = [entry, settings(), CHGNetPotential(POTENTIAL_VERSION).info.sha256]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()


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
        "name": "embedded-v1",
        "built": built,
        "potential": {"name": potential.name, "version": potential.version, "sha256": potential.sha256},
        "scheme_id": potential.scheme_id,
        "settings": settings(),
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
        "--compounds", type=Path, default=DATA / "compounds.yaml", help="descriptions to read"
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
    write(options.output, document([phases[entry["id"]] for entry in entries], options.built))
    print(f"{len(phases)} phases in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
