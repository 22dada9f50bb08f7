import torch

from autoseg3d_core.models.perception import _boxes_of


def test_a_box_holds_its_points_but_not_the_few_that_leaked_away():
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(400, 3, generator=generator) + 5000  # far from the world's origin
    masks = torch.zeros(2, 400, dtype=torch.bool)
    masks[0, :200], masks[1, 200:] = True, True
    even = _boxes_of(masks, xyz)
    torch.testing.assert_close(even[0, :3], xyz[:200].amin(0), atol=2e-3, rtol=0)
    torch.testing.assert_close(even[1, 3:], xyz[200:].amax(0), atol=2e-3, rtol=0)
    xyz[0] = xyz[0] + 20
    leaked = _boxes_of(masks, xyz)
    assert (leaked[0, 3:] < 5000 + 6).all()
    assert torch.equal(leaked[1], even[1])
