"""A page is one file that holds everything, and shows text as it is."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np

from autoseg3d_core.visualization import page


class Tags(HTMLParser):
    """Counts tags, and notices those that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def made():
    red = np.zeros((30, 40, 3), np.uint8)
    red[..., 0] = 220
    cells = page.table(("name", "size"), [("a <b> & c", 0.123), ("d", 7)])
    return page.page(
        "room <1>",
        [
            page.heading("Objects"),
            page.paragraph("5 > 3"),
            page.details("more", cells),
            page.side_by_side([page.picture(red, "a 'red' one")]),
            page.plain("a  b\nc  d"),
        ],
    )


def test_a_page_is_well_formed_and_fetches_nothing():
    tags = Tags(made())
    assert tags.open == []
    assert not re.search(r"(src|href)=\"(?!data:)", made())
    assert "script" not in {tag for tag, _ in tags.seen}


def test_text_is_shown_as_it_is():
    words = Tags(made()).words
    for text in ("room <1>", "5 > 3", "a <b> & c", "0.12", "7", "a 'red' one", "a  b\nc  d"):
        assert text in words


def test_a_picture_in_a_page_has_its_colours():
    source = next(about["src"] for tag, about in Tags(made()).seen if tag == "img")
    data = np.frombuffer(base64.b64decode(source.partition("base64,")[2]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture.shape == (30, 40, 3)
    assert np.abs(picture[15, 20].astype(int) - (0, 0, 220)).max() < 8  # OpenCV's order: red last
