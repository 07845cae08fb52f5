"""Oxidation states from magnetic moments, bonds and neutrality.

CHGNet predicts the size of each atom's magnetic moment, and with it the filling of d and f shells: high-spin Mn2+
carries 4.6 Bohr magnetons, Mn3+ 3.8, Mn4+ 3.1 (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)). Windows of moments
say which states an atom may have; charges are stated only where they make the cell neutral in one way.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pymatgen.core import Structure

from matsearch.core.errors import InputError
from matsearch.core.records import OxidationStates
from matsearch.crystal.neutrality import Group, neutral_choices
from matsearch.crystal.valences import SEVERAL, fixed_states

EQUAL_MOMENTS = 0.05
"""Bohr magnetons: atoms of one element whose sorted moments are closer than this carry the same charge."""


class Window(NamedTuple):
    """An oxidation state and the moments (Bohr magnetons, both ends included) that it shows."""

    state: int
    low: float
    high: float


Windows = Mapping[str, tuple[Window, ...]]


@cache
def moment_windows() -> Windows:
    """Return the windows of CHGNet 0.3.0 by element, fixed by ``benchmarks/oxidation/run.py``."""
    path = Path(__file__).with_name("oxidation_windows.json")
    table = json.loads(path.read_text(encoding="utf-8"))["windows"]
    return {symbol: tuple(Window(*window) for window in windows) for symbol, windows in table.items()}


def infer_oxidation_states(
    structure: Structure, magmoms: Sequence[float] | None, windows: Windows | None = None
) -> OxidationStates:
    """Infer the oxidation state of each site.

    Parameters
    ----------
    structure : Structure
        An ordered crystal.
    magmoms : sequence of float or None
        One a site, in Bohr magnetons; signs are ignored. None where the potential gives none: then elements that
        are told by their moment stay unknown.
    windows : mapping, optional
        Windows of moments by element; those of CHGNet 0.3.0 by default.

    Returns
    -------
    OxidationStates
        None stands for every site that the evidence does not decide, with the reason.

    Raises
    ------
    InputError
        If the number of moments is not that of the sites, or one is not finite.
    """
    windows = moment_windows() if windows is None else windows
    moments = _checked(structure, magmoms)
    fixed = fixed_states(structure)
    states = [state if isinstance(state, int) else None for state in fixed]
    open_bonds = sorted({state for state in fixed if isinstance(state, str)})
    if not any(state is not None and state < 0 for state in states):
        return _undecided([None] * len(states), "; ".join(["no anion", *open_bonds]))
    if open_bonds:
        return _undecided(states, "; ".join(open_bonds))
    if all(state is not None for state in states):
        return _all_fixed([state for state in states if state is not None])
    symbols = [site.specie.symbol for site in structure]
    groups, reasons = _groups(symbols, states, moments, windows)
    if reasons:
        return _undecided(states, "; ".join(reasons))
    return _by_neutrality(symbols, states, groups, moments, windows)


def states_of_moment(symbol: str, moment: float, windows: Windows) -> tuple[int, ...]:
    """Return the states whose window holds a moment (Bohr magnetons), sorted."""
    found = {w.state for w in windows.get(symbol, ()) if w.low <= abs(moment) <= w.high}
    return tuple(sorted(found))


def _checked(structure: Structure, magmoms: Sequence[float] | None) -> np.ndarray | None:
    if magmoms is None:
        return None
    moments = np.abs(np.asarray(magmoms, dtype=float))
    if moments.shape != (len(structure),):
        raise InputError(f"{moments.size} moments for {len(structure)} sites", "give one a site")
    if not np.isfinite(moments).all():
        raise InputError("a magnetic moment is not finite", "compute the moments again")
    return moments


def _undecided(states: Sequence[int | None], reason: str) -> OxidationStates:
    return OxidationStates(states=tuple(states), decided=False, reason=reason)


def _all_fixed(states: Sequence[int]) -> OxidationStates:
    total = sum(states)
    if total:
        reason = f"usual valences leave a charge of {total:+d} on the cell"
        return OxidationStates(states=tuple(states), decided=False, total=total, reason=reason)
    return OxidationStates(states=tuple(states), decided=True, total=0, method="fixed valences")


def _groups(
    symbols: Sequence[str],
    states: Sequence[int | None],
    moments: np.ndarray | None,
    windows: Windows,
) -> tuple[list[Group], list[str]]:
    """Return the atoms whose charge is open, those of equal charge together, and the reasons against going on."""
    sites = defaultdict(list)
    for i, state in enumerate(states):
        if state is None:
            sites[symbols[i]].append(i)
    groups, reasons = [], []
    for symbol, members in sites.items():
        if symbol in SEVERAL:
            groups.append(Group(tuple(members), SEVERAL[symbol]))
        elif symbol not in windows:
            reasons.append(f"no rule for {symbol}")
        elif moments is None:
            reasons.append(f"no moments to tell {symbol} by")
        else:
            for cluster in _equal_moments(members, moments):
                mean = float(moments[cluster].mean())
                choices = states_of_moment(symbol, mean, windows)
                groups.append(Group(tuple(cluster), choices))
                if not choices:
                    reasons.append(f"{mean:.2f} muB fits no known state of {symbol}")
    return groups, reasons


def _equal_moments(members: Sequence[int], moments: np.ndarray) -> list[list[int]]:
    ordered = sorted(members, key=lambda i: moments[i])
    clusters = [[ordered[0]]]
    for before, i in pairwise(ordered):
        if moments[i] - moments[before] < EQUAL_MOMENTS:
            clusters[-1].append(i)
        else:
            clusters.append([i])
    return clusters


def _by_neutrality(
    symbols: Sequence[str],
    states: list[int | None],
    groups: list[Group],
    moments: np.ndarray | None,
    windows: Windows,
) -> OxidationStates:
    charge = sum(state for state in states if state is not None)
    feasible = neutral_choices(groups, charge)
    if not all(feasible):
        return _undecided(states, _not_neutral(symbols, groups, charge))
    for group, choices in zip(groups, feasible, strict=True):
        if len(choices) == 1:
            for i in group.sites:
                states[i] = choices[0]
    ambiguous = {
        f"{symbols[g.sites[0]]} {_options(c)}" for g, c in zip(groups, feasible, strict=True) if len(c) > 1
    }
    if ambiguous:
        return _undecided(states, f"several neutral assignments: {', '.join(sorted(ambiguous))}")
    told = [g for g in groups if symbols[g.sites[0]] in windows and moments is not None]
    alone = len(told) == len(groups) and all(len(g.choices) == 1 for g in groups)
    method = "moments" if alone else "moments and neutrality" if told else "neutrality"
    return OxidationStates(states=tuple(states), decided=True, total=0, method=method)


def _not_neutral(symbols: Sequence[str], groups: list[Group], charge: int) -> str:
    elements = {symbols[g.sites[0]] for g in groups}
    options = ", ".join(sorted({f"{symbols[g.sites[0]]} {_options(g.choices)}" for g in groups}))
    if len(elements) == 1:
        mean = -charge / sum(len(g.sites) for g in groups)
        return f"neutral only with {elements.pop()} at {mean:+.3g} on average, the evidence says {options}"
    return f"no neutral assignment of {options}"


def _options(choices: Sequence[int]) -> str:
    return " or ".join(f"{choice:+d}" for choice in choices)
