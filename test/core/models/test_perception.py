import torch

from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig, Perception, _boxes_of
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.structures import FragmentCloud, Memory


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


@torch.inference_mode()
def test_a_frame_is_decoded_with_what_the_network_keeps_of_those_before_it():
    torch.manual_seed(0)
    network = Network(NetworkShape(unet="edge", query_channels=32, recent=RecentShape()))
    torch.nn.init.normal_(network.recent.attention.out.weight)
    eyes, said = Perception(network, NetworkConfig(), QueryRows), []
    network.decoder.register_forward_hook(lambda *call: said.append(call[2][-1].queries))

    def frame(seed):
        generator = torch.Generator().manual_seed(seed)
        xyz, rgb = torch.rand(300, 3, generator=generator), torch.rand(300, 3, generator=generator)
        return FragmentCloud(xyz, rgb, torch.arange(300) % 6, torch.arange(300), torch.ones(6))

    def last(*seeds):
        memory = Memory.empty(eyes.empty_rows())
        for seed in seeds:
            cloud = frame(seed)
            encoded, memory = eyes.encode(cloud, memory)
            _, memory = eyes.perceive(cloud, encoded, memory)
        return said[-1]

    assert not torch.allclose(last(1, 2), last(2), atol=1e-3)
    assert not torch.allclose(last(1, 2), last(3, 2), atol=1e-3)
    memories = [network.new_memory()]
    for seed in (1, 3, 2):
        [heads], memories = network([frame(seed)], memories)
    torch.testing.assert_close(last(1, 3, 2), heads[-1].queries)
