import dataclasses

import torch

from autoseg3d_core.report import existence, report_tracks
from autoseg3d_core.structures import Memory, NoRows


def tracks(scores, hits):
    empty = Memory.empty().tracks
    count = len(scores)
    rows = {
        field.name: getattr(empty, field.name).new_zeros(count, *getattr(empty, field.name).shape[1:])
        for field in dataclasses.fields(empty)
        if field.name != "remembered"
    }
    rows |= {"remembered": NoRows.of(count), "scores": torch.tensor(scores), "hits": torch.tensor(hits)}
    return type(empty)(**rows)


def test_existence_grows_with_every_frame_towards_the_mean_score():
    sure = existence(tracks([0.8] * 4, [1, 2, 10, 10_000]), 2.0)
    assert (sure.diff() > 0).all()
    torch.testing.assert_close(sure[1], torch.tensor(0.4))
    torch.testing.assert_close(sure[3], torch.tensor(0.8), atol=1e-3, rtol=0)


def test_what_is_looked_at_and_not_found_is_less_sure():
    seen = tracks([0.8] * 3, [6, 6, 6])
    seen = dataclasses.replace(seen, overlooked=torch.tensor([0, 1, 6]))
    torch.testing.assert_close(existence(seen, 0.0), torch.tensor([0.8, 0.8 * 6 / 7, 0.4]))
    assert (existence(seen, 2.0).diff() < 0).all()


def test_the_table_ranks_what_was_seen_often_above_what_was_seen_once():
    seen = tracks([0.9, 0.7], [1, 9])
    seen = dataclasses.replace(seen, mature=torch.tensor([False, True]))
    table = report_tracks(seen, torch.zeros(2).long(), torch.zeros(2), 2.0)
    assert table.existence.argmax() == 1
    assert table.is_mature.tolist() == [False, True]


def test_without_doubt_existence_is_the_mean_score():
    torch.testing.assert_close(existence(tracks([0.8, 0.3], [1, 7]), 0.0), torch.tensor([0.8, 0.3]))
