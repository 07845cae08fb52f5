"""Who says what of a compound, and how right that is."""

import contextlib
import io
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moments import Measured

from matsearch.crystal.oxidation import Window, Windows, infer_oxidation_states, states_of_moment

Answer = Sequence[int | None]


@dataclass(frozen=True)
class Score:
    """Sites right, wrong and not told; sites of one row are interchangeable."""

    right: int
    wrong: int
    cannot_tell: int

    @property
    def verdict(self) -> str:
        """Of the compound: wrong if any site is, right if all are."""
        return "wrong" if self.wrong else "cannot_tell" if self.cannot_tell else "right"


def score(one: Measured, answer: Answer) -> Score:
    """Compare an answer with the textbook."""
    right = told = sites = 0
    for row, truth in one.compound.truth().items():
        given = Counter(answer[i] for i in one.compound.sites(row))
        sites += given.total()
        told += given.total() - given[None]
        right += sum(min(n, truth[state]) for state, n in given.items() if state is not None)
    return Score(right, told - right, sites - told)


def by_matsearch(one: Measured, windows: Windows) -> Answer:
    """Answer by moments, bonds and neutrality."""
    return infer_oxidation_states(one.crystal, one.moments, windows).states


def by_neutrality_alone(one: Measured, windows: Windows) -> Answer:
    """Answer as matsearch would if moments said nothing: any state that has a window, the same on a whole element."""
    blind = {
        symbol: tuple(Window(state, 0.0, math.inf) for state in {w.state for w in found})
        for symbol, found in windows.items()
    }
    return infer_oxidation_states(one.crystal, [0.0] * len(one.crystal), blind).states


def by_windows_alone(one: Measured, windows: Windows) -> Answer:
    """Answer by the moment alone, where it lies in the windows of one state only."""
    found = [
        states_of_moment(site.specie.symbol, moment, windows)
        for site, moment in zip(one.crystal, one.moments, strict=True)
    ]
    return [states[0] if len(states) == 1 else None for states in found]


def by_chgnet(one: Measured) -> Answer:
    """Answer by ``chgnet.utils.solve_charge_by_mag`` with its defaults (Mn, Li and O)."""
    from chgnet.utils import solve_charge_by_mag

    crystal = one.crystal.copy(site_properties={"magmom": list(one.moments)})
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solved = solve_charge_by_mag(crystal)
    return [None] * len(crystal) if solved is None else [_integer(site.specie.oxi_state) for site in solved]


def by_bond_valence(one: Measured) -> Answer:
    """Answer by pymatgen's ``BVAnalyzer`` with its defaults."""
    from pymatgen.analysis.bond_valence import BVAnalyzer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [_integer(state) for state in BVAnalyzer().get_valences(one.crystal)]
        except ValueError:
            return [None] * len(one.crystal)


def by_composition(one: Measured) -> Answer:
    """Answer by pymatgen's ``oxi_state_guesses``: the first, where its mean states are integers."""
    guesses = one.crystal.composition.oxi_state_guesses()
    first = guesses[0] if guesses else {}
    return [_integer(first.get(site.specie.symbol)) for site in one.crystal]


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """Return counts of sites and compounds, each share with its Wilson 95 percent interval."""
    sites = Counter(right=0, wrong=0, cannot_tell=0)
    compounds = Counter(right=0, wrong=0, cannot_tell=0)
    for one in scores:
        sites.update(right=one.right, wrong=one.wrong, cannot_tell=one.cannot_tell)
        compounds[one.verdict] += 1
    return {"sites": _shares(sites), "compounds": _shares(compounds)}


def _shares(counts: Counter[str]) -> dict[str, Any]:
    n = counts.total()
    return {
        "n": n,
        **{kind: {"count": k, "interval": [round(x, 3) for x in wilson(k, n)]} for kind, k in counts.items()},
    }


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval of a share (J. Am. Stat. Assoc. 22, 209 (1927))."""
    if n == 0:
        return 0.0, 1.0
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def _integer(state: float | None) -> int | None:
    return round(state) if state is not None and abs(state - round(state)) < 1e-6 else None
