"""How figures look, and how they become bytes."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
"""Told apart by the colour-blind: Okabe and Ito (2008), with a darker yellow for white paper."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = "#222222"
GREY = "#767676"
PALE = "#d9d9d9"
DOTS_PER_INCH = 150

_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, width and height in inches; it belongs to no window and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def styled() -> Any:
    """Return a context in which figures are made and written in the house style, whatever the user's settings."""
    import matplotlib as mpl

    settings: dict[Any, Any] = {**mpl.rcParamsDefault, "backend": mpl.rcParams["backend"], **_SETTINGS}
    return mpl.rc_context(settings)


def pixels(figure: "Figure") -> "Image":
    """Return a figure as a picture on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def compressed(picture: "Image") -> bytes:
    """Return a picture as PNG: the same picture gives the same bytes."""
    content = BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


def png(figure: "Figure") -> bytes:
    """Return a figure as PNG: the same figure gives the same bytes."""
    return compressed(pixels(figure))


def say_below(figure: "Figure", sentence: str) -> None:
    """Write what the figures are measured against under a figure."""
    import textwrap

    columns = int(figure.get_figwidth() * 13)
    figure.supxlabel("\n".join(textwrap.wrap(sentence, columns)), fontsize=9, color=GREY, parse_math=False)


def whole_numbers(axes: "Axes") -> None:
    """Let the horizontal axis count generations."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
