"""Numbers that name things: what is metastable, what is too good to be true. One place for screening and metrics."""

METASTABLE = 0.1
"""eV/atom above the hull, exclusive (MatLLMSearch, arXiv:2502.20933)."""

NEAR_STABLE = 0.03
"""eV/atom above the hull, exclusive."""

TOO_GOOD = -0.1
"""eV/atom: further below the hull a potential's hole is likelier than a discovery."""

TOO_GOOD_FLAG = "too_good_to_be_true"

ENERGY_MATCH = 0.02
"""eV/atom within which the same formula counts as ``composition_and_energy_match``."""
