"""Text from elsewhere, made fit to be shown."""


def one_line(text: str, limit: int = 200) -> str:
    """Return text in one line without control characters, cut to a length: safe on a terminal and in a log."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
