import numpy as np
import pytest

from autoseg3d_core.visualization.curves import PANEL, PER_ROW, curves


@pytest.mark.parametrize("quantities", [1, 3, 4, 7])
def test_every_quantity_gets_a_panel_with_a_line(quantities):
    rows = [
        {"step": s, "seconds": 3 * s, **{f"q{q}": s * (q - 2.5) for q in range(quantities)}}
        for s in range(50)
    ]
    picture = curves(rows)
    lines = -(-quantities // PER_ROW)
    assert picture.shape == (lines * PANEL[0], PER_ROW * PANEL[1], 3)
    panels = picture.reshape(lines, PANEL[0], PER_ROW, PANEL[1], 3).swapaxes(1, 2).reshape(-1, *PANEL, 3)
    drawn = [(panel != 255).sum() > 500 for panel in panels]
    assert drawn == [True] * quantities + [False] * (len(panels) - quantities)


def test_rows_that_lack_a_quantity_or_know_no_number_are_passed_over():
    rows = [
        {"step": 0, "a": 1.0},
        {"step": 1, "b": 2.0},
        {"step": 2, "a": float("nan")},
        {"step": 3, "b": 2.0},
    ]
    assert np.isfinite(curves(rows)).all()
    assert curves([]).shape == (PANEL[0], PER_ROW * PANEL[1], 3)
