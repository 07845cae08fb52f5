"""Drawing the elements of a crystal that is made from nothing."""

import numpy as np

from matsearch.core.slots import Limits
from matsearch.crystal.limits import electronegativity

MOST = 6
"""Elements of a crystal where nothing else is said; those of the embedded reference have four at most."""


def draw_symbols(limits: Limits, rng: np.random.Generator) -> list[str]:
    """Return different elements of the limits, as many as they allow: by default two, where there are, to six.

    Where one of some anions must be the most electronegative element, it is drawn first, and the others among the
    elements not more electronegative than it is.
    """
    fewest, most = limits.n_elements or (min(2, len(limits.elements)), MOST)
    most = min(most, len(limits.elements), limits.max_atoms)
    size = int(rng.integers(min(fewest, most), most + 1))
    if not limits.anions:
        return [str(symbol) for symbol in rng.choice(limits.elements, size, replace=False)]
    anion = str(rng.choice(limits.anions))
    others = [s for s in limits.elements if s != anion and electronegativity(s) <= electronegativity(anion)]
    drawn = rng.choice(others, min(size - 1, len(others)), replace=False) if others else ()
    return [*(str(symbol) for symbol in drawn), anion]
