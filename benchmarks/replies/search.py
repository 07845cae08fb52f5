"""Real replies of language models replayed through a whole search as one generation, and what selection makes of it.

``python benchmarks/replies/search.py --replies REPLIES --out DIR``

REPLIES holds pairs ``NAME.prompt.txt`` and ``NAME.reply.txt``. Each reply is the answer to one call of the search, over
real HTTP, in the order of names and slots: the search asks with a prompt and parents of its own, so that replies answer
another question than they were given to. What is measured is what reading, screening and selection make of them, not
how well a model answers our prompt. The elements are all that the crystals hold, the hull is the embedded one (no claim
of stability), the potential is CHGNet. Each scheme chooses among the distinct crystals of this generation alone; the paper's
(``matllmsearch``) would also look at its pool of known ones. The calls and relaxations are kept in ``DIR/search.sqlite``: the same command goes on.
Everything that is printed is written to ``DIR/search.json`` too.
"""

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from selection import chosen_by_scheme, element_shares

from matsearch import search
from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.thresholds import METASTABLE
from matsearch.parse.reply.reader import ReplyReader
from matsearch.pipeline.drift import mix_of
from matsearch.pipeline.funnel import believed_scored, distinct_scored, hull_sentence
from matsearch.pipeline.result import SearchResult
from matsearch.testing.cassette import RECORDED, Cassette
from matsearch.testing.chemist_question import crystals_asked
from matsearch.testing.language_server import LanguageServer

RANKED = 20
COLUMNS = ("formula", "spacegroup", "n_atoms", "energy_above_hull", "deformation_energy", "match", "flags")


def main(arguments: list[str]) -> int:
    """Replay, search, select; print and write what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replies", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parents", type=int, default=10, help="chosen by each scheme")
    parser.add_argument("--workers", type=int, default=0, help="processes that relax; 0: this one")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    os.environ.setdefault("OPENAI_API_KEY", "none")  # our own server takes any
    options.out.mkdir(parents=True, exist_ok=True)
    cassette = Cassette(options.replies)
    with LanguageServer(cassette.answer, models=(RECORDED,)) as server:
        asked = search_of(cassette, server.base_url, options)
        result = search(asked, store=f"sqlite:///{options.out / 'search.sqlite'}")
        calls = len(server.hits)
    figures = figures_of(result, cassette, options.parents) | {"calls_made_now": calls}
    (options.out / "search.json").write_text(json.dumps(figures, indent=1))
    print_figures(figures)
    return 0


def search_of(cassette: Cassette, base_url: str, options: argparse.Namespace) -> SearchConfig:
    """Return the search: a slot a reply, one call at a time, so that replies come in the order of slots."""
    asked = {crystals_asked(recording.prompt) for recording in cassette.recordings}
    if len(asked) != 1:
        raise SystemExit(f"the prompts ask for {sorted(asked)} crystals: one number for all is replayed")
    crystals = asked.pop()
    elements, max_atoms = extent(cassette)
    return parse_config(
        {
            "name": "replayed",
            "system": {"elements": elements, "max_atoms": max_atoms},
            "objectives": [
                {"name": "energy_above_hull", "direction": "minimize"},
                {"name": "deformation_energy", "direction": "maximize"},
            ],
            "propose": {"llm": {"model": RECORDED, "crystals": crystals}},
            "population": {"proposals": crystals * len(cassette.recordings)},
            "budget": {"generations": 1},
            "execution": {
                "workers": options.workers,
                "calls": {"base_url": base_url, "concurrency": 1},
            },
        }
    )


def extent(cassette: Cassette) -> tuple[list[str], int]:
    """Return all elements of the replies' crystals, and the atoms of the largest."""
    with ReplyReader() as reader:
        found = [one.structure for r in cassette.recordings for one in reader.read(r.reply)]
    crystals = [structure for structure in found if structure is not None]
    symbols = {element.symbol for structure in crystals for element in structure.composition.elements}
    return sorted(symbols), max(map(len, crystals))


def figures_of(result: SearchResult, cassette: Cassette, n_parents: int) -> dict[str, Any]:
    """Return funnel, replies, ranked table, parents by scheme and element shares as JSON types."""
    distinct, believed = distinct_scored(result.candidates), believed_scored(result.candidates)
    chosen = chosen_by_scheme(distinct, n_parents)
    stages = {"proposed": [c for c in result.candidates if c.structure is not None], "believed": believed}
    by_name = {c.candidate_id: c for c in distinct}
    stages |= {scheme: [by_name[name] for name in names] for scheme, names in chosen.items()}
    return {
        "hull": hull_sentence(result.record),
        "funnel": result.funnel.document(),
        "verdicts": result_verdicts(result),
        "replies": [_reply(result, slot, r.name) for slot, r in enumerate(cassette.recordings)],
        "ranked": [{key: row.get(key) for key in COLUMNS} for row in result.rows(RANKED)],
        "parents": {scheme: [_words(by_name[name]) for name in names] for scheme, names in chosen.items()},
        "mix": {stage: mix.document() for stage, of in stages.items() if (mix := mix_of(of))},
        "element_shares": {stage: element_shares(candidates) for stage, candidates in stages.items()},
    }


def result_verdicts(result: SearchResult) -> dict[str, int]:
    """Return how many candidates ended in each way."""
    kinds = [c.verdict.kind.value for c in result.candidates if c.verdict]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def print_figures(figures: dict[str, Any]) -> None:
    """Print the tables."""
    print(figures["hull"])
    print("funnel:", ", ".join(f"{name} {n}" for name, n in figures["funnel"].items()))
    print("ended:", ", ".join(f"{name} {n}" for name, n in figures["verdicts"].items()) or "none")
    print("\nreply                 crystals valid scored distinct metastable  best (eV/atom)")
    for row in figures["replies"]:
        best = "-" if row["best"] is None else f"{row['best']:.3f}"
        print(f"{row['reply']:<22}{row['crystals']:>8}{row['valid']:>6}{row['scored']:>7}", end="")
        print(f"{row['distinct']:>9}{row['metastable']:>11}{best:>9}")
    print(f"\nbest {len(figures['ranked'])}:")
    for rank, row in enumerate(figures["ranked"], start=1):
        above, deformed = (f"{row[key]:+.3f}" for key in ("energy_above_hull", "deformation_energy"))
        words = f"{row['match'] or 'no known phase'} {row['flags']}"
        print(f"{rank:>3} {row['formula']:<16}{row['spacegroup']:<10}{above:>8}{deformed:>8}  {words}")
    for scheme, parents in figures["parents"].items():
        print(f"\nparents by {scheme} ({len(parents)}): {'; '.join(parents)}")
    print("\nshare of crystals with precious metals and f-block elements, and of the commonest elements:")
    for stage, shares in figures["mix"].items():
        common = list(figures["element_shares"][stage].items())[:8]
        told = ", ".join(f"{symbol} {share:.2f}" for symbol, share in common)
        print(
            f"{stage:<14}{shares['crystals']:>4}  precious {shares['precious']:.2f}  f {shares['f_block']:.2f}  {told}"
        )


def _reply(result: SearchResult, slot: int, name: str) -> dict[str, Any]:
    own = [c for c in result.candidates if c.slot == slot]
    believed = believed_scored(own)
    above = [c.placement.energy_above_hull for c in believed if c.placement]
    return {
        "reply": name,
        "crystals": sum(c.structure is not None for c in own),
        "valid": sum(c.structure_key is not None for c in own),
        "scored": sum(c.placement is not None for c in own),
        "distinct": len(distinct_scored(own)),
        "metastable": sum(energy < METASTABLE for energy in above),
        "best": min(above, default=None),
    }


def _words(candidate: Any) -> str:
    return f"{candidate.formula} {candidate.objective('energy_above_hull'):+.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
