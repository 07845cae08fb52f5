"""Oxidation states and moments in a line for people."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from matsearch.crystal.limits import electronegativity


def ion(symbol: str, state: int | None) -> str:
    """Return the usual name of an ion: ``Fe2+``, ``Li+``, ``O2-``; ``Fe?`` where the state is unknown."""
    if state is None:
        return f"{symbol}?"
    size = str(abs(state)) if abs(state) > 1 else ""
    return f"{symbol}{size}{'+' if state > 0 else '-' if state < 0 else '0'}"


def ion_summary(symbols: Sequence[str], states: Sequence[int | None]) -> str:
    """Return the ions of a crystal, cations first; counts where an element has several: ``Fe2+ Fe3+ (2:4) O2-``.

    Parameters
    ----------
    symbols : sequence of str
        Element of each site.
    states : sequence of int or None
        Oxidation state of each site.
    """
    counts: dict[str, Counter[int | None]] = defaultdict(Counter)
    for symbol, state in zip(symbols, states, strict=True):
        counts[symbol][state] += 1
    return " ".join(_element(symbol, counts[symbol]) for symbol in _in_order(counts))


def moment_summary(symbols: Sequence[str], magmoms: Sequence[float], least: float = 0.1) -> str:
    """Return the range of moments by element in Bohr magnetons: ``Mn 3.76..4.52``.

    Parameters
    ----------
    symbols : sequence of str
        Element of each site.
    magmoms : sequence of float
        In Bohr magnetons, one a site.
    least : float
        Elements whose largest moment is under this are left out.
    """
    moments = defaultdict(list)
    for symbol, moment in zip(symbols, magmoms, strict=True):
        moments[symbol].append(abs(moment))
    return ", ".join(
        f"{symbol} {_range(moments[symbol])}"
        for symbol in _in_order(moments)
        if max(moments[symbol]) >= least
    )


def _in_order(elements: dict[str, Counter[int | None]] | dict[str, list[float]]) -> list[str]:
    return sorted(elements, key=lambda symbol: (electronegativity(symbol), symbol))


def _element(symbol: str, counts: Counter[int | None]) -> str:
    ordered = sorted(counts, key=lambda state: (state is None, state or 0))
    names = " ".join(ion(symbol, state) for state in ordered)
    return f"{names} ({':'.join(str(counts[s]) for s in ordered)})" if len(ordered) > 1 else names


def _range(moments: list[float]) -> str:
    low, high = f"{min(moments):.2f}", f"{max(moments):.2f}"
    return low if low == high else f"{low}..{high}"
