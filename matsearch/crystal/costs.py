"""What a crystal's elements cost, roughly."""

import csv
from functools import cache
from importlib.resources import files

from pymatgen.core import Composition


def cost_per_kg(composition: Composition) -> float | None:
    """Return the mean price of the elements by mass, in USD per kg; None where an element has no known price.

    Prices are those of pymatgen's table (``pymatgen.analysis.cost``): single figures of Wolfram Alpha and Wikipedia of
    2013 to 2020 for the element itself, some as ore and some in high purity (Fe 0.03, Na 250, F 1900). They are good
    to a factor of ten at best, and say nothing of compounds, processing or scarcity: a limit keeps platinum out, it
    does not rank.
    """
    total = 0.0
    for element in composition.elements:
        price = element_cost(element.symbol)
        if price is None:
            return None
        total += composition.get_wt_fraction(element) * price
    return total


def element_cost(symbol: str) -> float | None:
    """Return the price of an element in USD per kg, as :func:`cost_per_kg` takes it; None where none is known."""
    return _prices().get(symbol)


@cache
def _prices() -> dict[str, float]:
    # pymatgen's own reader parses 80 citations first: two seconds
    table = files("pymatgen.analysis") / "costdb_elements.csv"
    rows = csv.reader(table.read_text(encoding="utf-8").splitlines(), quotechar="|")
    return {symbol: float(price) for symbol, price, *_ in rows}
