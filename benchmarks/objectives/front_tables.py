"""The tables over all searches: means, and differences paired by seed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from searches import LEVEL, paired_interval

Found = Sequence[dict[str, Any]]
FIRST = "pareto"


def report(found: Found, asked: int) -> str:
    """Return the tables as Markdown."""
    lines = [f"{len(found)} of {asked} searches done.", ""]
    for case in dict.fromkeys(one["case"] for one in found):
        lines += _case([one for one in found if one["case"] == case])
    apart = [_largest_gap(one) for one in found]
    known = [gap for gap in apart if gap is not None]
    if known:
        lines.append(
            f"Against the campaigns' own hypervolumes: at most {max(known):.1e} apart ({len(known)} searches)."
        )
    return "\n".join([*lines, ""])


def _case(found: Found) -> list[str]:
    names = found[0]["objectives"]
    schemes = list(dict.fromkeys(one["scheme"] for one in found))
    lines = [
        f"## {', '.join(names)}",
        "",
        f"| scheme | seeds | evaluations | hypervolume | front | {' | '.join('best ' + n for n in names)} |",
        "|---|---|---|---|---|" + "---|" * len(names),
        *(_row(scheme, [one for one in found if one["scheme"] == scheme]) for scheme in schemes),
        "",
        f"| difference, paired by seed ({LEVEL:.0%}) | pairs | last hypervolume | mean over generations |",
        "|---|---|---|---|",
    ]
    others = [scheme for scheme in schemes if scheme != FIRST]
    return [*lines, *(_difference(other, found) for other in others), ""]


def _row(scheme: str, group: Found) -> str:
    ends = [one["generations"][-1] for one in group]
    volumes = [end["hypervolume"] for end in ends]
    columns = [np.mean(values) for values in zip(*(end["best"] for end in ends if end["best"]), strict=True)]
    best = " | ".join(f"{value:.3g}" for value in columns)
    evaluations = np.mean([end["evaluations"] for end in ends])
    sizes = ", ".join(str(len(end["front"])) for end in ends)
    return (
        f"| {scheme} | {len(group)} | {evaluations:.0f} | {np.mean(volumes):.4f} "
        f"({min(volumes):.4f} to {max(volumes):.4f}) | {sizes} | {best} |"
    )


def _difference(other: str, found: Found) -> str:
    last = differences(found, other, lambda one: one["generations"][-1]["hypervolume"])
    mean = differences(found, other, mean_hypervolume)
    return f"| {FIRST} - {other} | {len(last)} | {_words(last)} | {_words(mean)} |"


def mean_hypervolume(one: dict[str, Any]) -> float:
    """Return the mean over generations, which tells how soon a search came where it ended."""
    return float(np.mean([generation["hypervolume"] for generation in one["generations"]]))


def differences(found: Found, other: str, number: Callable[[dict[str, Any]], float]) -> list[float]:
    """Return what pareto has more of than another scheme, for each seed that both have."""
    by_seed = {(one["scheme"], one["seed"]): number(one) for one in found}
    seeds = sorted(seed for scheme, seed in by_seed if scheme == FIRST and (other, seed) in by_seed)
    return [by_seed[(FIRST, seed)] - by_seed[(other, seed)] for seed in seeds]


def _words(values: Sequence[float]) -> str:
    if not values:
        return "-"
    low, high = paired_interval(values)
    return f"{np.mean(values):+.4f} ({low:+.4f} to {high:+.4f})"


def _largest_gap(one: dict[str, Any]) -> float | None:
    gaps = [
        abs(generation["hypervolume"] - generation["campaign_hypervolume"])
        for generation in one["generations"]
        if generation["campaign_hypervolume"] is not None
    ]
    return max(gaps, default=None)
