"""A page is one file that holds everything, and shows text as it is."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np

from autoseg3d_core.visualization import web_page as page


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
    cells = page.table(("name", "size"), [("a <b> & c", 0.123), ("d", 7)], decimals=2)
    parts = [
        page.Section("Objects", "5 > 3", page.heading("two") + page.details("more", cells)),
        page.Section("Pictures", "", page.grid([page.figure(page.image(red, "a 'red' one"), "red")], 90)),
        page.Section("Nothing", "to be seen", ""),
        page.Section("Words", "", page.code("a  b\nc  d") + page.paragraph("x & y")),
    ]
    return page.page("room <1>", "seen from <above>", parts)


def test_a_page_is_well_formed_and_fetches_nothing():
    tags = Tags(made())
    assert tags.open == []
    assert not re.search(r"(src|href)=\"(?!data:)", made())
    assert "script" not in {tag for tag, _ in tags.seen}


def test_text_is_shown_as_it_is():
    words = Tags(made()).words
    said = ("room <1>", "seen from <above>", "5 > 3", "a <b> & c", "0.12", "7", "red", "a  b\nc  d", "x & y")
    for text in said:
        assert text in words
    assert "Nothing" not in words  # a section without content is left out
    assert next(about["alt"] for tag, about in Tags(made()).seen if tag == "img") == "a 'red' one"


def test_the_best_of_several_numbers_is_bold_and_what_has_no_value_is_a_dash():
    cells = [("a", 1.0, None), ("b", 3.0, float("nan")), ("c", 2.0, 5)]
    text = page.table(("row", "score", "other"), cells, best={1: True})
    assert re.findall(r'class="best">([^<]*)<', text) == ["3.0"]
    assert text.count("&ndash;") == 2
    assert "best" not in page.table(("row", "score"), [("a", 1.0)], best={1: True})


def test_a_wide_picture_is_scaled_down_and_a_missing_one_left_out(tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((50, 200, 3), 90, np.uint8))
    found = page.picture(tmp_path / "wide.png", "grey", width=80)
    data = np.frombuffer(base64.b64decode(found.partition("base64,")[2].partition('"')[0]), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (20, 80, 3)
    assert page.picture(tmp_path / "missing.png", "none") == ""


def test_a_picture_in_a_page_has_its_colours():
    source = next(about["src"] for tag, about in Tags(made()).seen if tag == "img")
    data = np.frombuffer(base64.b64decode(source.partition("base64,")[2]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture.shape == (30, 40, 3)
    assert np.abs(picture[15, 20].astype(int) - (0, 0, 220)).max() < 8  # OpenCV's order: red last
