"""Web pages in one file: text, tables and pictures, with nothing to fetch."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; max-width: 1280px;
       margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
img { max-width: 100%; display: block; border-radius: 4px; }
figure { margin: 0; } figcaption { color: #666; font-size: .85em; }
table { border-collapse: collapse; }
td, th { padding: .25em .8em; border-bottom: 1px solid #ddd; text-align: left; }
th { color: #666; font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 1em; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 1em; }
.cards img { height: 120px; width: 100%; object-fit: contain; background: #f3f3f3; }
"""
JPEG_QUALITY = 85


def page(title: str, parts: Iterable[str]) -> str:
    """Return a page of a title and parts that are HTML."""
    name = html.escape(title)
    head = f'<meta charset="utf-8"><title>{name}</title><style>{STYLE}</style>'
    body = "\n".join([f"<h1>{name}</h1>", *parts])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def heading(text: str) -> str:
    """Return a heading."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table of plain values; numbers are set flush right."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def plain(text: str) -> str:
    """Return text as it is, its columns aligned."""
    return f"<pre>{html.escape(text)}</pre>"


def details(summary: str, part: str) -> str:
    """Return a part that is shown when its summary is clicked."""
    return f"<details><summary>{html.escape(summary)}</summary>{part}</details>"


def picture(rgb: UInt8[np.ndarray, "height width 3"], caption: str = "") -> str:
    """Return a picture, as JPEG inside the page, with a caption of plain text."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)[1]
    code, said = base64.b64encode(data.tobytes()).decode(), html.escape(caption)
    image = f'<img alt="{said}" src="data:image/jpeg;base64,{code}">'
    return f"<figure>{image}<figcaption>{said}</figcaption></figure>"


def side_by_side(parts: Iterable[str], kind: str = "row") -> str:
    """Return parts in rows; `kind` is `row` for pictures, `cards` for small ones."""
    return f'<div class="{kind}">{"".join(parts)}</div>'


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.2f}</td>'
    kind = ' class="number"' if isinstance(value, int) else ""
    return f"<td{kind}>{html.escape(str(value))}</td>"
