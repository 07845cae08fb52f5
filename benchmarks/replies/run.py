"""Real replies of language models, read and screened: what is lost, what is mended, what becomes of the crystals.

``python benchmarks/replies/run.py DATA --replies REPLIES --out DIR [--read-only]``

REPLIES holds ``NAME.prompt.txt`` and ``NAME.reply.txt``; DATA the rejected replies of Llama-3.1-8B
(``llama31_8b_rejected_replies.csv.gz``, ``llama31_8b_parse_errors.csv.gz``) and ``Li-Fe-P-O_entries.json.gz``.
"""

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymatgen.core import Structure
from sources import naive_reading, read_table

from matsearch import screen
from matsearch.core.config import SanitySection
from matsearch.core.records import Candidate
from matsearch.core.slots import Limits
from matsearch.core.thresholds import METASTABLE, NEAR_STABLE, earns_no_reward
from matsearch.parse.reply.found import Found
from matsearch.parse.reply.reader import ReplyReader
from matsearch.parse.sanity import find_fault

ENTRIES = "Li-Fe-P-O_entries.json.gz"
SYSTEM = frozenset({"Li", "Fe", "P", "O"})
LLAMA = Limits(elements=("Ag", "O"), max_atoms=100, formulas=("Ag3O",))


def main(arguments: list[str]) -> int:
    """Run all parts and write their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--replies", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--read-only", action="store_true", help="Relax nothing.")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    texts = {
        path.name.split(".")[0]: path.read_text() for path in sorted(options.replies.glob("*.reply.txt"))
    }
    with ReplyReader() as reader:
        read = {name: reader.read(text) for name, text in texts.items()}
        replies = read_table(options.data / "llama31_8b_rejected_replies.csv.gz", "Hard Responses")
        strings = read_table(options.data / "llama31_8b_parse_errors.csv.gz", "Structure String")
        llama = [reader.read(text) for text in replies]
        single = [reader.read(json.dumps({"poscar": text})) for text in strings]
    figures: dict[str, Any] = {
        "replies": recorded(texts, read),
        "llama_replies": rejected(llama),
        "llama_strings": rejected(single),
    }
    if not options.read_only:
        figures["screened"] = screened(read, options.data / ENTRIES)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))
    return 0


def recorded(texts: dict[str, str], read: dict[str, list[Found]]) -> dict[str, Any]:
    """Return, for each recorded reply, what a naive reading gives and what ours does."""
    rows = {}
    for name, text in texts.items():
        naive = naive_reading(text)
        ours = [found.structure for found in read[name] if found.structure is not None]
        rows[name] = {
            "naive": len(naive) if naive is not None else None,
            "read": len(ours),
            "failed": [f.verdict.detail for f in read[name] if f.verdict],
            "mended": [repair for f in read[name] for repair in f.repairs],
            "same_composition_as_naive": naive is None or _compositions(naive) == _compositions(ours),
        }
    return {
        "replies": len(rows),
        "read_naively": sum(row["naive"] is not None for row in rows.values()),
        "crystals": sum(row["read"] for row in rows.values()),
        "rows": rows,
    }


def rejected(read: Sequence[Sequence[Found]]) -> dict[str, Any]:
    """Return what became of texts that another reader rejected: crystals by their first fault, others by verdict."""
    found = [one for reply in read for one in reply]
    crystals = [f.structure for f in found if f.structure is not None]
    faults = [find_fault(structure, LLAMA, SanitySection()) for structure in crystals]
    return {
        "texts": len(read),
        "drafts": len(found),
        "crystals": len(crystals),
        "mended": sum(bool(f.repairs) for f in found if f.structure is not None),
        "unreadable": Counter(f.verdict.kind.value for f in found if f.verdict),
        "of_the_crystals": Counter(fault.kind.value if fault else "valid" for fault in faults),
    }


def screened(read: dict[str, list[Found]], entries: Path) -> dict[str, Any]:
    """Relax every crystal; those of Li-Fe-P-O against the real hull, the others against the embedded one."""
    crystals = [(name, f.structure) for name, found in read.items() for f in found if f.structure is not None]
    inside = [s for name, s in crystals if "LiFePO" in name]
    others = [s for name, s in crystals if "LiFePO" not in name]
    reference = {"source": str(entries), "corrections": "mp2020", "complete": True}
    whole = {"stop_above": None}  # every crystal to its ground, hopeless ones too
    return {
        "Li-Fe-P-O, real hull": _counts(
            screen(inside, system=_system(SYSTEM), reference=reference, relax=whole)
        ),
        "others, embedded hull (not a stability claim)": _counts(screen(others, relax=whole)),
    }


def _system(elements: frozenset[str]) -> dict[str, Any]:
    return {"elements": sorted(elements), "max_atoms": 100}


def _counts(candidates: Sequence[Candidate]) -> dict[str, Any]:
    believed = [c for c in candidates if c.placement and c.alive and not earns_no_reward(c.flags)]
    above = [c.placement.energy_above_hull for c in believed if c.placement]
    return {
        "crystals": len(candidates),
        "valid": sum(c.structure_key is not None for c in candidates),
        "relaxed": sum(c.relaxation is not None for c in candidates),
        "flagged": sum(earns_no_reward(c.flags) for c in candidates),
        "metastable (< 0.1 eV/atom)": sum(e < METASTABLE for e in above),
        "near-stable (< 0.03)": sum(e < NEAR_STABLE for e in above),
        "below the hull (< 0)": sum(e < 0 for e in above),
        "verdicts": Counter(c.verdict.kind.value for c in candidates if c.verdict),
        "energies_above_hull": {
            f"{i} {c.formula}": round(c.placement.energy_above_hull, 4)
            for i, c in enumerate(candidates)
            if c.placement
        },
    }


def _compositions(structures: Sequence[Structure]) -> list[str]:
    return [structure.composition.formula for structure in structures]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
