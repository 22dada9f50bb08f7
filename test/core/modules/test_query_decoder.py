"""Query decoder: choices of queries, one-to-many decoding, and frames without fragments."""

from __future__ import annotations

import dataclasses

import torch

from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.query_decoder import (
    DecoderInput,
    DecoderShape,
    HeadOutput,
    QueryDecoder,
    visible_fragments,
)

SHAPE = DecoderShape(inputs=6, channels=16, heads=4, feedforward=32, classes=2, semantics=5)


def frame(points: int = 80, fragments: int = 7) -> DecoderInput:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    fragment = torch.arange(points) % max(fragments, 1)
    if fragments == 0:
        fragment = fragment - 1
    weights = torch.rand(points, generator=generator) * (fragment >= 0)
    fragments, centers, sizes = random(fragments, 6), random(fragments, 3), random(fragments, 3).abs()
    rgb = torch.rand(points, 3, generator=generator)
    return DecoderInput(
        random(points, 6), random(points, 3), fragment, weights, fragments, centers, sizes, rgb
    )


def decoder() -> QueryDecoder:
    torch.manual_seed(0)
    return QueryDecoder(SHAPE)


def test_there_is_a_head_before_and_after_every_layer():
    outs = decoder()(frame())
    assert [out.over_points for out in outs] == [False, False, True, True]
    assert [out.mask_logits.shape for out in outs] == [(7, 7), (7, 7), (7, 80), (7, 80)]
    assert outs[-1].semantics.shape == (7, 6)


def test_without_seeing_one_another_each_chosen_query_decodes_as_among_all():
    chosen = torch.tensor([4, 1, 6])
    full, part = decoder()(frame(), among=False)[-1], decoder()(frame(), chosen, among=False)[-1]
    torch.testing.assert_close(part.mask_logits, full.mask_logits[chosen], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(part.boxes, full.boxes[chosen], rtol=1e-4, atol=1e-5)


def test_queries_see_one_another_by_default():
    assert not torch.allclose(decoder()(frame())[-1].queries, decoder()(frame(), among=False)[-1].queries)


def test_the_order_of_fragments_does_not_matter():
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    plain = frame()
    shuffled = dataclasses.replace(
        plain,
        fragments=plain.fragments[order],
        centers=plain.centers[order],
        fragment=torch.argsort(order)[plain.fragment],
    )
    one, two = decoder()(plain)[-1], decoder()(shuffled)[-1]
    torch.testing.assert_close(two.mask_logits, one.mask_logits[order], rtol=1e-4, atol=1e-5)


def test_no_fragments_decode_to_no_queries():
    out = decoder()(frame(fragments=0))[-1]
    assert out.mask_logits.shape == (0, 80)
    assert out.boxes.shape == (0, 6)


def test_no_points_at_all_decode_to_no_queries():
    assert decoder()(frame(points=0, fragments=0))[-1].class_logits.shape == (0, 3)


def test_a_decoder_without_a_box_head_says_no_boxes():
    outs = QueryDecoder(dataclasses.replace(SHAPE, boxes=False))(frame())
    assert all(out.boxes is None for out in outs)


def head_output(mask_logits: torch.Tensor, over_points: bool) -> HeadOutput:
    nothing = torch.zeros(len(mask_logits), 0)
    return HeadOutput(nothing, nothing, mask_logits, over_points, None, None)


def test_a_query_whose_mask_holds_no_fragment_sees_all_of_them():
    logits = torch.tensor([[-1.0, 2.0], [-1.0, -2.0]])
    visible = visible_fragments(head_output(logits, over_points=False), frame())
    assert visible.tolist() == [[False, True], [True, True]]


def test_a_query_whose_mask_holds_no_point_sees_the_fragments_least_off_it():
    weights = torch.tensor([1.8, 1.8, 1.2, 1.2, 9.0])
    points = dataclasses.replace(
        frame(5, 2), fragment=torch.tensor([0, 0, 1, 1, -1]), weights=weights * torch.tensor([1, 1, 1, 1, 0])
    )
    logits = torch.tensor([[-1.0] * 5, [1.0, -1.0, -1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 1.0, -1.0]])
    visible = visible_fragments(head_output(logits, over_points=True), points)
    # Shares off the mask: (1.8, 1.2), (0.9, 1.2) and (0, 0); the least is always seen.
    assert visible.tolist() == [[False, True], [True, False], [True, True]]


def test_attention_is_torchs_with_the_same_weights():
    torch.manual_seed(0)
    ours, theirs = MultiHeadAttention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        parts = [ours.query, ours.key, ours.value]
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    query, key, value = torch.randn(5, 16), torch.randn(9, 16), torch.randn(9, 16)
    bias = torch.randn(4, 5, 9)
    expected, _ = theirs(query[None], key[None], value[None], attn_mask=bias)
    torch.testing.assert_close(ours(query, key, value, bias), expected[0])
