"""Line plots as SVG text, by Matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from autoseg3d_core.structures import InputError

SIZE_IN = (5.2, 3.3)
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "autoseg3d",  # the same plot is the same file
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
}


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a plot; `spread`, where there is one, is its lower and upper edge."""

    name: str
    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]
    spread: Float[np.ndarray, "2 points"] | None = None


def line_plot(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    highest: float | None = None,
) -> str:
    """Return an SVG element; y goes from 0 to `highest`. Raises `InputError` without Matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("plots need Matplotlib: python3 -m pip install matplotlib") from error
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        axes = figure.subplots()
        for line in lines:
            [drawn] = axes.plot(line.x, line.y, label=line.name, linewidth=1.6)
            if line.spread is not None:
                axes.fill_between(line.x, *line.spread, color=drawn.get_color(), alpha=0.15, linewidth=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.margins(x=0.02)
        axes.set_ylim(0, highest)
        if len(lines) > 1:
            axes.legend(frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
