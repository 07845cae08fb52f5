"""Numbers as people read them."""


def rounded(value: float, digits: int = 3) -> float:
    """Return a rounded number without a minus before zeros: -8e-07 is 0.0."""
    return round(value, digits) + 0.0
