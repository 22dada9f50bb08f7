"""Keys of voxels: cubes of several cells are found from the keys alone."""

import pytest
import torch

from autoseg3d_core.geometry.voxels import HALF_RANGE, coarsen, pack, unpack
from autoseg3d_core.scene_map.blocks import voxel_keys
from autoseg3d_core.scene_map.places import BLOCK_VOXELS, block_of, place_in_block


@pytest.fixture
def cells():
    generator = torch.Generator().manual_seed(0)
    near = torch.randint(-40, 40, (500, 3), generator=generator)
    far = torch.randint(-HALF_RANGE, HALF_RANGE, (500, 3), generator=generator)
    ends = torch.cartesian_prod(*[torch.tensor([-HALF_RANGE, -8, -1, 0, 7, HALF_RANGE - 1])] * 3)
    return torch.cat([near, far, ends])


@pytest.mark.parametrize("bits", [0, 1, 3, 7])
def test_a_coarser_key_is_that_of_the_cell_divided(cells, bits):
    assert torch.equal(unpack(coarsen(pack(cells), bits)), torch.floor_divide(cells, 1 << bits))


def test_a_voxel_is_where_its_block_and_its_place_in_it_say(cells):
    keys = pack(cells)
    place = place_in_block(keys)
    assert ((place >= 0) & (place < BLOCK_VOXELS)).all()
    assert torch.equal(voxel_keys(block_of(keys), place), keys)
