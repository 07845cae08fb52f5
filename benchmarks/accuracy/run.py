"""How far a potential is from DFT on crystals it was not trained on: 486 WBM crystals at their DFT geometry.

Energies per atom against the Materials Project 2020-corrected and the raw DFT energies, forces and pressure where DFT
has its minimum, and energies by chemistry. Intervals are 95 percent, by bootstrap over crystals. One thread::

    python benchmarks/accuracy/run.py DATA --json accuracy.json

``DATA`` holds ``wbm_equilibrium_half.json.gz`` (Wang, Botti and Marques, npj Comput. Mater. 7, 12 (2021), by way of
matcalc). Only potentials whose energies may meet a Materials Project hull are measured.
"""

import argparse
import gzip
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from pymatgen.core import Element, Structure

from matsearch.core.errors import InputError, MatsearchError
from matsearch.core.protocols import Potential
from matsearch.core.schemes import MP_GGA, require_comparable
from matsearch.core.structures import decode_structure
from matsearch.potentials import load_potential
from matsearch.potentials.frames import EV_A3_TO_GPA, to_atoms

FILE = "wbm_equilibrium_half.json.gz"
CHGNET_VERSIONS = ("0.3.0", "0.2.0")
SURFACES = {"corrected": "corrected_energy", "raw": "energy"}
DRAWS = 2000
ANIONS = (
    ("oxides", {"O"}),
    ("halides", {"F", "Cl", "Br", "I"}),
    ("chalcogenides", {"S", "Se", "Te"}),
    ("pnictides", {"N", "P", "As", "Sb", "Bi"}),
)
STATISTICS: dict[str, Callable[[np.ndarray], Any]] = {
    "mae": lambda x: np.abs(x).mean(axis=-1),
    "median": lambda x: np.median(np.abs(x), axis=-1),
    "bias": lambda x: x.mean(axis=-1),
}
CLASSES = (*(name for name, _ in ANIONS), "intermetallics", "others")


@dataclass(frozen=True)
class Reference:
    """A DFT-relaxed crystal with its total energies in eV, ``corrected`` and ``raw``."""

    material_id: str
    structure: Structure
    energies: dict[str, float]


@dataclass(frozen=True)
class Answer:
    """What a potential says of a crystal: errors in eV/atom, forces (eV/angstrom, shape (n, 3)) and pressure (GPa)."""

    chemistry: str
    errors: dict[str, float]
    forces: np.ndarray
    pressure: float


def main() -> None:
    """Measure, print tables and write the figures."""
    options = parsed()
    warnings.simplefilter("ignore")
    try:
        crystals = read_crystals(options.data / FILE)
        versions = options.version or (CHGNET_VERSIONS if options.potential == "chgnet" else (None,))
        results = [measured(load_potential(options.potential, v), crystals) for v in versions]
    except MatsearchError as error:
        sys.exit(f"error: {error}")
    for result in results:
        print(tables(result))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--potential", default="chgnet")
    parser.add_argument("--version", action="append", help="May be repeated; for chgnet 0.3.0 and 0.2.0.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all figures there.")
    return parser.parse_args()


def read_crystals(path: Path) -> list[Reference]:
    """Read the crystals and their energies.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        documents = json.loads(gzip.decompress(path.read_bytes()))
        return [
            Reference(
                material_id=document["material_id"],
                structure=decode_structure(
                    {
                        "lattice": document["structure"]["lattice"]["matrix"],
                        "species": [s["species"][0]["element"] for s in document["structure"]["sites"]],
                        "frac_coords": [s["abc"] for s in document["structure"]["sites"]],
                    }
                ),
                energies={name: float(document[key]) for name, key in SURFACES.items()},
            )
            for document in documents
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {path}: {error}", f"give the folder that holds {FILE}") from error


def measured(potential: Potential, crystals: Sequence[Reference]) -> dict[str, Any]:
    """Return the figures of one potential.

    Raises
    ------
    SchemeMismatchError
        If its energies are of another surface than the Materials Project's.
    """
    require_comparable(potential.info.scheme_id, MP_GGA)
    calculator = potential.calculator()
    began = time.perf_counter()
    answers, refused = [], {}
    for crystal in crystals:
        try:
            answers.append(ask(calculator, crystal))
        except ValueError as error:  # such as an isolated atom
            refused[crystal.material_id] = str(error)
    seconds = time.perf_counter() - began
    by_chemistry = {name: [a for a in answers if a.chemistry == name] for name in CLASSES}
    return {
        "potential": f"{potential.info.name} {potential.info.version}",
        "sha256": potential.info.sha256,
        "n": len(answers),
        "refused": refused,
        "seconds": round(seconds, 1),
        "energy_meV_per_atom": energies(answers),
        "at_the_dft_minimum": minimum(answers),
        "by_chemistry": {name: energies(chosen) for name, chosen in by_chemistry.items() if chosen},
    }


def ask(calculator: Any, crystal: Reference) -> Answer:
    """Return a potential's errors on one crystal."""
    atoms = to_atoms(crystal.structure)
    atoms.calc = calculator
    energy = float(atoms.get_potential_energy())
    return Answer(
        chemistry=chemistry(crystal.structure),
        errors={name: (energy - dft) / len(atoms) for name, dft in crystal.energies.items()},
        forces=atoms.get_forces(),
        pressure=-float(np.trace(atoms.get_stress(voigt=False))) / 3.0 * EV_A3_TO_GPA,
    )


def chemistry(structure: Structure) -> str:
    """Return the first class that fits: by anion, then metals alone, then what is left (H, B, C, Si, Ge, ...)."""
    symbols = {element.symbol for element in structure.composition.elements}
    for name, anions in ANIONS:
        if symbols & anions:
            return name
    return "intermetallics" if all(Element(symbol).is_metal for symbol in symbols) else "others"


def energies(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return errors of the energy in meV/atom against corrected and raw DFT."""
    row: dict[str, Any] = {"n": len(answers)}
    for surface in SURFACES:
        errors = 1e3 * np.array([answer.errors[surface] for answer in answers])
        row[surface] = {name: with_interval(of, errors) for name, of in STATISTICS.items()}
    return row


def minimum(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return forces (meV/angstrom, over atoms) and pressures (GPa, over crystals) left at the DFT minimum."""
    norms = [1e3 * np.linalg.norm(a.forces, axis=1) for a in answers]
    parts = [1e3 * np.abs(a.forces).ravel() for a in answers]
    pressure = np.array([a.pressure for a in answers])
    return {
        "n_atoms": sum(map(len, norms)),
        "force_norm_mean_meV_per_A": pooled(norms, np.mean),
        "force_norm_p95_meV_per_A": pooled(norms, lambda x: np.percentile(x, 95)),
        "force_component_mae_meV_per_A": pooled(parts, np.mean),
        "pressure_mae_GPa": with_interval(STATISTICS["mae"], pressure),
        "pressure_p95_GPa": with_interval(lambda x: np.percentile(np.abs(x), 95, axis=-1), pressure),
        "pressure_bias_GPa": with_interval(STATISTICS["bias"], pressure),
    }


def pooled(groups: Sequence[np.ndarray], of: Callable[[np.ndarray], Any]) -> list[float]:
    """Return a statistic of all values together, with its interval over whole crystals."""
    drawn = [of(np.concatenate([groups[i] for i in sample])) for sample in draws(len(groups))]
    return [float(of(np.concatenate(groups))), *interval(drawn)]


def with_interval(of: Callable[[np.ndarray], Any], values: np.ndarray) -> list[float]:
    """Return a statistic with the ends of its 95 percent interval."""
    return [float(of(values)), *interval(of(values[draws(len(values))]))]


def draws(n: int) -> np.ndarray:
    """Return the bootstrap's samples, as indices of shape (draws, n)."""
    return np.random.default_rng(0).integers(0, n, (DRAWS, n))


def interval(drawn: Any) -> list[float]:
    """Return the 2.5th and 97.5th percentile."""
    return [float(x) for x in np.percentile(drawn, [2.5, 97.5])]


def tables(result: dict[str, Any]) -> str:
    """Return the figures as aligned tables."""
    columns = [(s, name) for s in SURFACES for name in STATISTICS]
    rows = {"all": result["energy_meV_per_atom"], **result["by_chemistry"]}
    left = result["at_the_dft_minimum"]
    lines = [
        f"{result['potential']}: {result['n']} crystals in {result['seconds']} s, {len(result['refused'])} refused",
        f"{'meV/atom':<16}{'n':>5}" + "".join(f"{f'{s}: {name}':>26}" for s, name in columns),
    ]
    for name, row in rows.items():
        lines.append(f"{name:<16}{row['n']:>5}" + "".join(f"{shown(row[s][k]):>26}" for s, k in columns))
    lines += [f"{name:<36}{shown(left[name], 2)}" for name in left if name != "n_atoms"]
    return "\n".join([*lines, ""])


def shown(value: Sequence[float], digits: int = 1) -> str:
    """Return a value with its interval."""
    middle, low, high = (f"{x:.{digits}f}" for x in value)
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
