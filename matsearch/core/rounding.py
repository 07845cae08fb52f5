"""Numbers as people read them."""


def rounded(value: float, digits: int = 3) -> float:
    """Return a rounded number without a minus before zeros: -8e-07 is 0.0."""
    return round(value, digits) + 0.0


def figures(value: float) -> str:
    """Return a number with three figures, with all its digits where it has more: 0.00037, 12.3, 12,345."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
