"""What a search for a known phase came to, and the tables over all of them."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest
from searches import LEVEL, distinct_relaxations
from targets import phase

from matsearch.core.config import parse_config
from matsearch.core.records import Candidate
from matsearch.core.thresholds import earns_no_reward
from matsearch.crystal.matching import isotypic, same_crystal
from matsearch.pipeline.result import SearchResult
from matsearch.pipeline.tools import build_tools

ARMS = ("operators", "random")
RELAXATIONS = 100
TARGET = "the target"
LOWER = 5.0
"""meV/atom: a crystal that lies further under the target is a lower one."""


def require_nothing_leads_there(name: str, document: dict[str, Any]) -> None:
    """Stop if a known crystal that a relaxation may be led to is an isotype of the target."""
    target = phase(name).relaxed
    allowed = build_tools(parse_config(document)).beginning.allowed
    left = [known for known, structure in allowed.items() if isotypic(target, structure)]
    if left:
        raise SystemExit(f"{name}: relaxations may be led to {', '.join(left)}, isotypes of the target")


def measure(result: SearchResult, relaxations: int) -> dict[str, Any]:
    """Return when the target was found, in distinct relaxations, and what lies lower, in meV/atom."""
    name = result.record.config["seeds"]["exclude_isotypes"][0]
    shares = result.record.config["propose"]["operators"]
    made = distinct_relaxations(result)
    relaxed = [(i, c) for i, c in enumerate(made[:RELAXATIONS], start=1) if c.relaxation]
    hits = [(i, c) for i, c in relaxed if _is_target(name, c)]
    believed = [c for _, c in relaxed if not earns_no_reward(c.flags)]
    best = min(believed, key=lambda c: _difference(name, c), default=None)
    first = hits[0][1] if hits else None
    return {
        "target": name,
        "arm": "random" if set(shares) == {"random_symmetric"} else "operators",
        "seed": result.record.config["seed"],
        "counted": min(len(made), RELAXATIONS),
        "distinct_relaxations": len(made),
        "relaxations_begun": relaxations,
        "relaxed_to_the_end": len(relaxed),
        "found_after": hits[0][0] if hits else None,
        "hits": len(hits),
        "operator": first.lineage.operator if first else None,
        "roots": list(first.lineage.roots) if first else [],
        "best_hit": min((_difference(name, c) for _, c in hits), default=None),
        "best": _difference(name, best) if best else None,
        "best_is": _who(name, best) if best else None,
        "lower": lower_crystals(name, believed),
        "lower_not_believed": sum(
            _difference(name, c) < -LOWER for _, c in relaxed if earns_no_reward(c.flags)
        ),
    }


def lower_crystals(name: str, believed: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return the crystals more than 5 meV/atom under the target, lowest first, each once."""
    lowest: dict[str, Candidate] = {}
    for candidate in sorted(believed, key=lambda c: (_difference(name, c), c.candidate_id)):
        if _difference(name, candidate) < -LOWER:
            lowest.setdefault(candidate.duplicate_of or candidate.candidate_id, candidate)
    return [
        {
            "difference": _difference(name, c),
            "spacegroup": c.spacegroup,
            "atoms": len(c.best_structure),
            "is": _who(name, c),
        }
        for c in lowest.values()
    ]


def report(found: Sequence[dict[str, Any]], asked: int) -> str:
    """Return the tables as Markdown."""
    title = f"{len(found)} of {asked} searches done; {RELAXATIONS} relaxations each."
    lines = [
        f"{title} Energies in meV/atom against the known phase, CHGNet 0.3.0; intervals: Wilson, {LEVEL:.0%}.",
        "",
        "| target | arm | found | relaxations until found | by | best | lower by more than 5 | lowest of them |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(one["target"] for one in found):
        for arm in ARMS:
            group = [one for one in found if (one["target"], one["arm"]) == (name, arm)]
            if group:
                lines.append(_row(name, arm, group))
    for arm in ARMS:
        group = [one for one in found if one["arm"] == arm]
        if group:
            lines.append(f"| all | {arm} | {_rate(group)} | | | | {_lower_rate(group)} | |")
    short = [one for one in found if one["counted"] < RELAXATIONS]
    lines += ["", *(f"{o['target']} {o['arm']} seed {o['seed']}: {o['counted']} relaxations" for o in short)]
    return "\n".join([*lines, paired(found), ""])


def paired(found: Sequence[dict[str, Any]]) -> str:
    """Return the comparison of the arms by target and seed: who alone found, with McNemar's exact test."""
    hits = {(one["target"], one["seed"], one["arm"]): one["found_after"] is not None for one in found}
    pairs = [
        (hits[(name, seed, ARMS[0])], hits[(name, seed, ARMS[1])])
        for name, seed, arm in hits
        if arm == ARMS[0] and (name, seed, ARMS[1]) in hits
    ]
    alone, other = pairs.count((True, False)), pairs.count((False, True))
    chance = binomtest(alone, alone + other).pvalue if alone + other else 1.0
    return (
        f"{len(pairs)} pairs: both {pairs.count((True, True))}, {ARMS[0]} alone {alone}, {ARMS[1]} alone {other}, "
        f"neither {pairs.count((False, False))}; McNemar's exact test: p = {chance:.2g}"
    )


def _row(name: str, arm: str, group: Sequence[dict[str, Any]]) -> str:
    after = ", ".join(str(one["found_after"] or "-") for one in group)
    ways = ", ".join(dict.fromkeys(one["operator"] for one in group if one["operator"]))
    best = ", ".join(map(_best, group))
    lower = [crystal for one in group for crystal in one["lower"]]
    lowest = min(lower, key=lambda crystal: crystal["difference"], default=None)
    text = _words(lowest) if lowest else "-"
    return f"| {name} | {arm} | {_rate(group)} | {after} | {ways} | {best} | {_lower_rate(group)} | {text} |"


def _words(lowest: dict[str, Any]) -> str:
    return f"{lowest['difference']:+.1f}: {lowest['spacegroup']}, {lowest['atoms']} atoms, {lowest['is']}"


def _best(one: dict[str, Any]) -> str:
    if one["best"] is None:
        return "-"
    return f"{one['best']:+.1f}" + ("" if one["best_is"] == TARGET else f" ({one['best_is']})")


def _rate(group: Sequence[dict[str, Any]]) -> str:
    return wilson(sum(one["found_after"] is not None for one in group), len(group))


def _lower_rate(group: Sequence[dict[str, Any]]) -> str:
    return f"{sum(bool(one['lower']) for one in group)} of {len(group)} seeds"


def wilson(hits: int, n: int) -> str:
    """Return ``hits of n (low to high)`` with Wilson's interval (J. Am. Stat. Assoc. 22, 209 (1927))."""
    ends = binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return f"{hits} of {n} ({ends.low:.2f} to {ends.high:.2f})"


def _is_target(name: str, candidate: Candidate) -> bool:
    relaxation = candidate.relaxation
    return relaxation is not None and same_crystal(phase(name).relaxed, relaxation.structure)


def _who(name: str, candidate: Candidate) -> str:
    """Return which crystal it is by the matcher: the target, another known phase, or none."""
    if _is_target(name, candidate):
        return TARGET
    match = candidate.match
    return match.known_id if match and match.kind == "structure" else "no known phase"


def _difference(name: str, candidate: Candidate) -> float:
    """Return the energy against the known phase as relaxed by the same potential, in meV/atom."""
    target, relaxation = phase(name), candidate.relaxation
    if relaxation is None:
        raise ValueError(f"{candidate.candidate_id} was not relaxed")
    return round(1000.0 * (relaxation.energy_per_atom - target.energy / len(target.relaxed)), 2)
