import numpy as np
import torch

from autoseg3d_core.modules.fragment_pooling import FragmentPooling
from autoseg3d_core.modules.placement import LEAST_SIZE_M, PLACEMENTS

CENTERS, SIZES = torch.tensor([[1.0, 2, 3], [0, 0, 0]]), torch.tensor([[0.5, 1, 2], [0, 0, 0]])


def test_a_published_box_starts_as_a_cube_and_tells_queries_nothing():
    published = PLACEMENTS["published"]
    box = published.boxes(torch.zeros(2, 6), CENTERS, SIZES)
    assert box.tolist() == [[0.5, 1.5, 2.5, 1.5, 2.5, 3.5], [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]]
    assert published.of_queries(CENTERS, SIZES).shape == (2, published.query_channels) == (2, 0)
    assert torch.equal(published.of_points(CENTERS), CENTERS)


def test_a_box_from_the_extent_starts_as_the_fragments_own():
    extent = PLACEMENTS["extent"]
    box = extent.boxes(torch.zeros(2, 6), CENTERS, SIZES)
    torch.testing.assert_close(box[:, 3:] - box[:, :3], SIZES + LEAST_SIZE_M)
    torch.testing.assert_close((box[:, :3] + box[:, 3:]) / 2, CENTERS)
    assert extent.of_queries(CENTERS, SIZES).shape == (2, extent.query_channels)
    assert extent.of_points(CENTERS).shape == (2, extent.point_channels)


def test_near_places_are_told_apart():
    told = PLACEMENTS["extent"].of_points(torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [8.0, 0, 0]]))
    assert (told[0] - told[1]).norm() > 0.5
    assert (told[0] - told[2]).norm() > 5


def test_a_fragment_that_fills_a_box_evenly_has_its_size_whatever_strays():
    rng = np.random.default_rng(0)
    box = rng.uniform(-0.5, 0.5, (4000, 3)) * (0.4, 1.0, 0.02) + (3, 1, 2)
    stray = np.vstack([box, [[9, 9, 9]]])
    sizes = []
    for cloud in (box, stray):
        xyz = torch.from_numpy(cloud).float()
        pooled = FragmentPooling(4)(
            torch.zeros(len(xyz), 4), xyz, torch.zeros(len(xyz), dtype=torch.int64), 1
        )
        sizes.append(pooled.sizes[0].numpy())
    np.testing.assert_allclose(sizes[0], [0.4, 1.0, 0.02], rtol=0.03)
    np.testing.assert_allclose(sizes[1], sizes[0], atol=0.5)
