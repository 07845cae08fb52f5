"""Text from elsewhere, made fit to be shown."""


def one_line(text: str, limit: int = 200) -> str:
    """Return text in one line without control characters, cut to a length: safe on a terminal and in a log."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def counted(n: int, noun: str) -> str:
    """Return a number and its noun, in the plural where there is not one."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
