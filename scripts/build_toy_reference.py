"""Rebuild ``matsearch/hull/data/toy.json``: embedded crystals of a few systems relaxed by the toy potential."""

import json
from pathlib import Path

from matsearch.core.config import RelaxSection
from matsearch.crystal.known import embedded_set
from matsearch.potentials import load_potential
from matsearch.relax.single import relax_one

TARGET = Path(__file__).parents[1] / "matsearch" / "hull" / "data" / "toy.json"
ELEMENTS = frozenset({"Ti", "Al", "C"})


def main() -> None:
    """Relax and write."""
    potential = load_potential("toy")
    entries = []
    for phase in embedded_set().within(ELEMENTS):
        settings = RelaxSection(fmax=0.01, max_steps=3000, optimizer="fire")
        outcome = relax_one(phase.relaxed, potential.calculator(), potential.info, settings, "toy")
        if outcome.relaxation is None:
            print("left out:", phase.phase_id, outcome.verdict)
            continue
        composition = {e.symbol: float(n) for e, n in phase.relaxed.composition.items()}
        energy = round(outcome.relaxation.energy, 6)
        entries.append({"entry_id": phase.phase_id, "composition": composition, "energy": energy})
        print(phase.phase_id, round(energy / len(phase.relaxed), 3))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
