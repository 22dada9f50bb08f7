"""Assembly of fragments: by centres, by pairs, and the decoder of what comes of it."""

import dataclasses

import numpy as np
import pytest
import torch
from slow_twins.queries import attend_with_bias, feedforward, layer_norm, linear, two
from slow_twins.samples import array, random_weights

from autoseg3d_core.modules.assembly_decoder import AssemblyDecoder, AssemblyInput
from autoseg3d_core.modules.fragment_assembly import Assembly, CenterAssembly
from autoseg3d_core.modules.fragment_edges import EDGE_CHANNELS, fragment_edges
from autoseg3d_core.modules.fragment_pooling import StrongestPooling
from autoseg3d_core.modules.pair_assembly import PairAssembly, grouped_on_average, share_of_groups
from autoseg3d_core.modules.query_decoder import DecoderInput, DecoderShape

SHAPE = DecoderShape(inputs=6, channels=16, heads=4, feedforward=32, classes=3, placement="extent")
COUNT = 7


def frame(seed=0, points=120):
    generator = torch.Generator().manual_seed(seed)
    double = {"generator": generator, "dtype": torch.float64}
    fragment = torch.arange(points) % COUNT
    middle = 2 * torch.rand(COUNT, 3, **double)
    xyz = middle[fragment] + 0.1 * torch.randn(points, 3, **double)
    features = torch.randn(points, 6, **double)
    pooled = StrongestPooling()(features, xyz, fragment, COUNT)
    rgb = torch.rand(points, 3, **double)
    return DecoderInput(
        features, xyz, fragment, pooled.weights, pooled.features, pooled.centers, pooled.sizes, rgb
    )


def decoder(pairs):
    return random_weights(AssemblyDecoder(SHAPE, pairs), seed=2)


def test_the_strongest_of_each_feature_stands_for_a_fragment():
    features = torch.tensor([[1.0, -4.0], [0.5, -2.0], [9.0, 9.0], [-3.0, -3.0]])
    pooled = StrongestPooling()(features, torch.rand(4, 3), torch.tensor([0, 0, -1, 2]), 3)
    assert pooled.features.tolist() == [[1, -2], [0, 0], [-3, -3]]
    assert pooled.weights.tolist() == [1, 1, 0, 1]


@torch.no_grad()
def test_fragments_belong_to_centres_as_far_as_they_are_near():
    module = random_weights(CenterAssembly(5, most=6), seed=1)
    features = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    out = module(features, count=3)
    seen = np.concatenate([array(features).mean(0), array(features).max(0)])
    bank = two(module.centers, seen).reshape(7, 5)[
        [0, 1, 2, 6]
    ]  # three that are active, and the background's
    away = np.array([[((f - c) ** 2).sum() for c in bank] for f in array(features)])
    belongs = np.exp(-away / np.exp(float(module.log_scale)))
    belongs /= belongs.sum(1, keepdims=True)
    np.testing.assert_allclose(array(out.assignment), belongs[:, :3], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(array(out.affinity), belongs @ belongs.T, rtol=1e-9)
    assert module(features).assignment.shape[1] == min(1 + int(out.evidence["count"].argmax()), 6, 8)


def test_there_are_never_more_centres_than_fragments_or_than_the_bank_holds():
    module = CenterAssembly(5, most=6)
    assert module(torch.randn(3, 5), count=20).assignment.shape == (3, 3)
    assert module(torch.randn(30, 5), count=20).assignment.shape == (30, 6)
    assert module(torch.zeros(0, 5)).assignment.shape == (0, 0)


@pytest.mark.parametrize(
    ("pairs", "receives"), [(False, "assembler.centers.2.weight"), (True, "assembler.same.2.weight")]
)
def test_a_mask_sends_its_gradient_to_what_assembles(pairs, receives):
    torch.manual_seed(0)
    seen = AssemblyInput.of(dataclasses.replace(frame(), **{}))
    module = AssemblyDecoder(SHAPE, pairs).double()
    owner = torch.tensor([0, 0, 1, 1, -1, 2, 2])
    head = module.decode(seen, module.assemble(seen, owner))[-1]
    assert head.mask_logits.shape == ((3 if not pairs else 4), len(seen.xyz))
    head.mask_logits.sigmoid()[0].sum().backward()
    assert dict(module.named_parameters())[receives].grad.abs().sum() > 0


@torch.no_grad()
@pytest.mark.parametrize("pairs", [False, True])
def test_the_decoder_is_the_one_written_out(pairs):
    module, seen = decoder(pairs), AssemblyInput.of(frame())
    assembly = module.assemble(seen, torch.tensor([0, 0, 1, 1, -1, 2, 2]))
    heads = module.decode(seen, assembly)
    told = np.concatenate(
        [array(seen.fragments), array(module.placement.of_queries(seen.centers, seen.sizes))], 1
    )
    voxels = np.concatenate([array(seen.voxels), array(module.placement.of_points(seen.middles))], axis=1)
    keys = np.maximum(layer_norm(module.keys[1], linear(module.keys[0], voxels)), 0)
    on_points = two(
        module.point_masks,
        np.concatenate([array(module.placement.of_points(seen.xyz)), array(seen.features)], 1),
    )
    belongs, gate = array(assembly.assignment), np.log(array(assembly.affinity) + 1e-8)
    rows, sure = two(module.queries, told), belongs.clip(1e-3, 1 - 1e-3)
    for layer, head in zip(module.layers, heads, strict=True):
        rows = layer_norm(layer.cross_norm, rows + attend_with_bias(layer.cross, rows, keys, np.zeros(())))
        rows = layer_norm(layer.among_norm, rows + attend_with_bias(layer.among, rows, rows, gate))
        rows = feedforward(layer.feedforward, rows)
        queries = layer_norm(module.norm, np.diag(1 / belongs.sum(0)) @ belongs.T @ rows)
        np.testing.assert_allclose(array(head.queries), queries, rtol=1e-7, atol=1e-9)
        logit = float(module.whole_fragments) * np.log(sure / (1 - sure))
        masks = queries @ on_points.T + logit[seen.fragment.numpy()].T
        np.testing.assert_allclose(array(head.mask_logits), masks, rtol=1e-7, atol=1e-7)
        said = head.class_logits.exp()
        torch.testing.assert_close(
            said.sum(dim=1), torch.ones_like(said[:, 0])
        )  # classes and none are all there is
        np.testing.assert_allclose(
            array(said[:, -1]), 1 / (1 + np.exp(two(module.objectness, queries)[:, 0])), rtol=1e-7
        )


@torch.no_grad()
@pytest.mark.parametrize("pairs", [False, True])
def test_the_order_of_fragments_does_not_matter(pairs):
    plain, order = frame(), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    shuffled = dataclasses.replace(
        plain,
        fragments=plain.fragments[order],
        centers=plain.centers[order],
        sizes=plain.sizes[order],
        fragment=torch.argsort(order)[plain.fragment],
    )
    one, two_ = decoder(pairs)(plain)[-1], decoder(pairs)(shuffled)[-1]
    rank = [head.mask_logits.sum(dim=1).argsort() for head in (one, two_)]
    torch.testing.assert_close(two_.mask_logits[rank[1]], one.mask_logits[rank[0]])


@torch.no_grad()
@pytest.mark.parametrize("pairs", [False, True])
def test_a_frame_without_points_has_no_objects(pairs):
    plain = frame()
    empty = DecoderInput(**{f.name: getattr(plain, f.name)[:0] for f in dataclasses.fields(plain)})
    assert decoder(pairs)(empty)[-1].mask_logits.shape == (0, 0)


def test_edges_are_the_same_both_ways_and_wherever_on_the_floor_the_frame_lies():
    plain = frame()
    edges = fragment_edges(plain.xyz, plain.rgb, plain.fragment, COUNT)
    assert edges.shape == (COUNT, COUNT, EDGE_CHANNELS)
    torch.testing.assert_close(edges, edges.transpose(0, 1))
    moved = fragment_edges(plain.xyz + torch.tensor([4.0, -8.0, 0.0]), plain.rgb, plain.fragment, COUNT)
    torch.testing.assert_close(moved, edges)


def test_what_touches_meets_and_what_is_apart_does_not():
    board = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1.0, 0.02])
    fragment = (board[:, 0] > 0.5).long()
    far = torch.where(fragment[:, None] == 1, board + torch.tensor([1.0, 0.0, 0.0]), board)
    rgb = torch.zeros(400, 3)
    near, apart = (fragment_edges(xyz, rgb, fragment, 2)[0, 1] for xyz in (board, far))
    assert (near[:6] > 0).all()
    assert (apart[:6] == 0).all()
    assert apart[8] == pytest.approx(1.0, abs=0.05)  # the gap between their boxes on the floor


def test_groups_join_as_long_as_their_pairs_are_one_on_average():
    affinity = torch.full((5, 5), 0.1)
    for i, j, value in ((0, 1, 0.9), (1, 2, 0.7), (0, 2, 0.4), (3, 4, 0.45)):
        affinity[i, j] = affinity[j, i] = value
    groups, count = grouped_on_average(affinity)
    assert groups[0] == groups[1] == groups[2]  # (0.7 + 0.4) / 2 is enough, though 0.4 alone is not
    assert set(groups.tolist()) == set(range(count)) == {0, 1, 2}
    share = share_of_groups(affinity, groups, count)
    assert (share.argmax(dim=1) == groups).all()
    assert (share.sum(dim=1) <= 1 + 1e-6).all()


@pytest.mark.parametrize("seed", range(6))
def test_groups_are_those_of_stepwise_average_linkage(seed):
    """Compare with the textbook: join the two groups that are most alike, as long as they are enough."""
    random = torch.rand(9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    affinity = (random + random.T) / 2
    parts = [{row} for row in range(9)]
    while len(parts) > 1:
        alike = {
            (a, b): affinity[[[i] for i in parts[a]], list(parts[b])].mean().item()
            for a in range(len(parts))
            for b in range(a)
        }
        (a, b), most = max(alike.items(), key=lambda item: item[1])
        if most < 0.5:
            break
        parts[b] |= parts.pop(a)
    groups, count = grouped_on_average(affinity)
    assert count == len(parts)
    assert {frozenset((groups == g).nonzero()[:, 0].tolist()) for g in range(count)} == set(
        map(frozenset, parts)
    )


@torch.no_grad()
@pytest.mark.parametrize("pairs", [True, False])
def test_the_last_head_says_the_same_where_the_others_are_silent(pairs):
    module = decoder(pairs).double()
    last, alone = module(frame())[-1], module.last_head(frame())
    for name in ("queries", "class_logits", "mask_logits", "boxes"):
        assert torch.equal(getattr(alone, name), getattr(last, name)), name


def test_an_object_is_the_mean_of_its_fragments():
    belongs = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    rows = torch.tensor([[1.0], [4.0], [100.0]])
    assert Assembly(belongs, torch.eye(3), {}).pooled(rows).tolist() == [[2.0], [4.0]]


def test_the_cost_of_a_frame_depends_on_its_fragments_alone():
    module = PairAssembly(6, 16, 4)
    sizes = []
    for count in (3, 9):
        edges = torch.zeros(count, count, EDGE_CHANNELS)
        assembly = module(torch.randn(count, 6), edges)
        sizes.append(assembly.affinity.numel())
    assert sizes == [9, 81]
