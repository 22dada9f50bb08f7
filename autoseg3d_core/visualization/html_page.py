"""Pieces of an HTML page that needs no other file and no network."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

NO_VALUE = "&ndash;"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1f23; background: #fff; max-width: 1180px;
  margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; } p.about { color: #5a6169; margin: .2rem 0 .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; margin: .5rem 0; }
th { text-align: right; font-weight: 600; border-bottom: 2px solid #c9ced4; padding: .25rem .6rem;
  vertical-align: bottom; white-space: nowrap; }
td { text-align: right; border-bottom: 1px solid #eceef0; padding: .22rem .6rem; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td.text { text-align: left; white-space: normal; }
td.best { font-weight: 700; }
pre { background: #f5f6f8; padding: .7rem .9rem; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .82rem; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(var(--least), 1fr)); }
figure { margin: 0; }
figure img, figure svg { width: 100%; height: auto; border-radius: 5px; display: block; }
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


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], best: Sequence[int] = ()) -> str:
    """Return a table; in each of the columns `best`, the highest of several numbers is set in bold."""
    highest = {
        column: max((row[column] for row in rows if _is_number(row[column])), default=None) for column in best
    }
    lines = []
    for row in rows:
        cells = []
        for column, value in enumerate(row):
            is_best = len(rows) > 1 and column in highest and value == highest[column]
            kind = "best" if is_best else "text" if isinstance(value, str) and column else ""
            cells.append(f'<td class="{kind}">{_cell(value)}</td>' if kind else f"<td>{_cell(value)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def heading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{html.escape(text)}</h3>"


def code(text: str) -> str:
    """Return text as it is typed."""
    return f"<pre>{html.escape(text)}</pre>"


def grid(figures: Sequence[str], least_px: int = 420) -> str:
    """Return figures beside each other, as many as fit."""
    return f'<div class="grid" style="--least: {least_px}px">{"".join(figures)}</div>' if figures else ""


def figure(content: str, caption: str) -> str:
    """Return a picture or plot over its caption."""
    return f"<figure>{content}<figcaption>{html.escape(caption)}</figcaption></figure>"


def picture(file: Path, alt: str, width: int | None = None, quality: int = 82) -> str:
    """Return a picture file as part of the page, no wider than `width`; nothing if it is not there."""
    image = cv2.imread(str(file)) if file.is_file() else None
    if image is None:
        return ""
    if width is not None and image.shape[1] > width:
        size = (width, round(image.shape[0] * width / image.shape[1]))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    text = base64.b64encode(data).decode()
    return f'<img src="data:image/jpeg;base64,{text}" alt="{html.escape(alt, quote=True)}">'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return NO_VALUE if math.isnan(value) else f"{value:.1f}"
    return NO_VALUE if value is None else html.escape(str(value))
