"""Web pages in one file, which needs no other file and no network: sections, tables and pictures."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

NO_VALUE = "&ndash;"
JPEG_QUALITY = 82
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1f23; background: #fff; max-width: 1180px;
  margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; } p.about { color: #5a6169; margin: .2rem 0 .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; margin: .5rem 0; }
th { text-align: right; font-weight: 600; border-bottom: 2px solid #c9ced4; padding: .25rem .6rem;
  vertical-align: bottom; }
td { text-align: right; border-bottom: 1px solid #eceef0; padding: .22rem .6rem; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td.text { text-align: left; white-space: normal; }
td.best { font-weight: 700; }
pre { background: #f5f6f8; padding: .7rem .9rem; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .82rem; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(var(--least), 1fr)); }
figure { margin: 0; }
figure img, figure svg { width: 100%; height: auto; border-radius: 5px; display: block; }
figure img { max-height: 24rem; object-fit: contain; background: #f5f6f8; }
.cards img { height: 120px; object-fit: contain; background: #f3f3f3; }
figcaption { font-size: .82rem; color: #41474e; margin-top: .3rem; }
"""


@dataclass(frozen=True)
class Section:
    """A part of a page: its title, a sentence about it, and its content as HTML."""

    title: str
    about: str
    content: str


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Return a whole page."""
    parts = [
        f"<h2>{html.escape(part.title)}</h2>"
        + (f'<p class="about">{html.escape(part.about)}</p>' if part.about else "")
        + part.content
        for part in sections
        if part.content
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f'<body><h1>{html.escape(title)}</h1><p class="about">{html.escape(subtitle)}</p>'
        f"{''.join(parts)}</body></html>\n"
    )


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    best: Mapping[int, bool | None] | None = None,
    decimals: int = 1,
) -> str:
    """Return a table; `best` are columns of which the highest (or lowest: False) number is set in bold.

    Floats have so many `decimals`; NaN and None are shown as a dash.
    """
    best_of = {
        column: (max if is_highest else min)(
            (row[column] for row in rows if _is_number(row[column])), default=None
        )
        for column, is_highest in (best or {}).items()
        if is_highest is not None
    }
    lines = []
    for row in rows:
        cells = []
        for column, value in enumerate(row):
            is_best = len(rows) > 1 and column in best_of and value == best_of[column]
            kind = "best" if is_best else "text" if isinstance(value, str) and column else ""
            opened = f'<td class="{kind}">' if kind else "<td>"
            cells.append(f"{opened}{_cell(value, decimals)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def heading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{html.escape(text)}</h3>"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def details(summary: str, content: str) -> str:
    """Return content that is shown when its summary is clicked."""
    return f"<details><summary>{html.escape(summary)}</summary>{content}</details>"


def code(text: str) -> str:
    """Return text as it is typed."""
    return f"<pre>{html.escape(text)}</pre>"


def grid(figures: Sequence[str], least_px: int = 420, kind: str = "") -> str:
    """Return figures beside each other, as many as fit; those of the kind `cards` are equally high."""
    if not figures:
        return ""
    return f'<div class="{f"grid {kind}".strip()}" style="--least: {least_px}px">{"".join(figures)}</div>'


def figure(content: str, caption: str) -> str:
    """Return a picture or plot over its caption."""
    return f"<figure>{content}<figcaption>{html.escape(caption)}</figcaption></figure>"


def picture(file: Path, alt: str, width: int | None = None) -> str:
    """Return a picture file as part of the page, no wider than `width`; nothing if it is not there."""
    found = cv2.imread(str(file)) if file.is_file() else None
    return "" if found is None else image(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), alt, width)


def image(rgb: UInt8[np.ndarray, "height width 3"], alt: str, width: int | None = None) -> str:
    """Return a picture as part of the page, as JPEG, no wider than `width`; `alt` describes it."""
    if width is not None and rgb.shape[1] > width:
        size = (width, round(rgb.shape[0] * width / rgb.shape[1]))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
    text = base64.b64encode(data).decode()
    return f'<img src="data:image/jpeg;base64,{text}" alt="{html.escape(alt, quote=True)}">'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def _cell(value: Any, decimals: int) -> str:
    if isinstance(value, float):
        return NO_VALUE if math.isnan(value) else f"{value:.{decimals}f}"
    return NO_VALUE if value is None else html.escape(str(value))
