"""Things drawn from the grammar: their parts touch, they stand, and the same generator draws the same."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from autoseg3d_core.simulation.endless.connected import stands, touching
from autoseg3d_core.simulation.endless.draft import LABEL
from autoseg3d_core.simulation.endless.flat import flat_thing
from autoseg3d_core.simulation.endless.grammar import furniture, small_thing
from autoseg3d_core.simulation.endless.touch import meet, triangles
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, box, solid, unit_mesh
from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.rooms_layout import interpenetrate
from autoseg3d_core.simulation.solids import Extruded, Lathed, Sheet, Tube
from autoseg3d_core.simulation.styles import STYLES

WHITE = Material((1, 1, 1))
SEEDS = range(12)


def drawn(seed):
    p = Palette.draw(np.random.default_rng(seed))
    return furniture(p), small_thing(p, (0.8, 0.5), 0.4), flat_thing(p)


@pytest.fixture(scope="module")
def things():
    return [thing for seed in SEEDS for thing in drawn(seed)[:2]]


def dense_surface(part, pitch):
    """Return points all over a part's surface, no farther apart than the pitch."""
    points = []
    for a, b, c in triangles(part):
        count = int(np.ceil(max(np.linalg.norm(b - a), np.linalg.norm(c - a)) / pitch)) + 1
        u, v = (grid.ravel() for grid in np.meshgrid(*[np.linspace(0, 1, count)] * 2))
        inside = u + v <= 1 + 1e-9
        points.append(a + u[inside, None] * (b - a) + v[inside, None] * (c - a))
    return np.concatenate(points)


def test_every_part_of_a_thing_is_in_touch_with_the_rest(things):
    for thing in things[1:12:2]:  # small ones: few points will do
        pitch = 0.02 * float(thing.size.max())
        trees = [cKDTree(dense_surface(part, pitch)) for part in thing.parts]
        near = [[a.count_neighbors(b, 1.5 * pitch) > 0 for b in trees] for a in trees]
        assert connected_components(np.array(near), directed=False)[0] == 1, thing.part_names


def test_a_thing_stands_on_the_floor_amid_its_footprint(things):
    for thing in things:
        low, high = thing.bounds
        assert abs(low[2]) < 1e-6
        assert np.abs((low + high)[:2]).max() < 1e-6
        assert stands(thing.parts)


def test_surfaces_lie_within_and_upon_their_thing(things):
    assert sum(len(thing.surfaces) for thing in things) > 5
    for thing in things:
        low, high = thing.bounds
        for surface in thing.surfaces:
            half = np.array(surface.size) / 2
            assert (surface.at[:2] + half < high[:2] + 0.02).all()
            assert (surface.at[:2] - half > low[:2] - 0.02).all()
            assert -0.01 < surface.at[2] < high[2] + 0.01


def test_the_same_generator_draws_the_same_things():
    for first, second in zip(drawn(3), drawn(3), strict=True):
        assert first.parts == second.parts
        assert first.surfaces == second.surfaces


def test_hardly_two_things_are_alike(things):
    assert len({thing.parts for thing in things}) == len(things)
    assert len({thing.part_names for thing in things}) > 0.7 * len(things)


def test_flat_things_have_their_back_at_the_wall():
    for seed in SEEDS:
        thing = drawn(seed)[2]
        assert thing.size[1] < 0.45, thing.part_names
        assert max(thing.size[[0, 2]]) < 2.7


def test_boxes_touch_exactly_where_they_meet():
    at = {"apart": 1.02, "flush": 1.0, "inside": 0.5}
    for name, x in at.items():
        pair = [box("a", (1, 1, 1), (0, 0, 0), WHITE), box("b", (1, 1, 1), (x, 0.4, 0.1), WHITE)]
        assert touching(pair)[0, 1] == (name != "apart")


def test_a_thing_whose_middle_overhangs_does_not_stand():
    foot = box("foot", (0.2, 0.2, 0.1), (0, 0, 0.05), WHITE)
    for x, answer in ((0.0, True), (0.6, False)):
        assert stands([foot, box("top", (1, 0.2, 0.1), (x, 0, 0.15), WHITE)]) == answer


def test_a_ray_meets_the_nearest_surface_and_its_normal():
    block = box("block", (2, 2, 2), (0, 5, 0), WHITE, (0, 0, 0.3))
    spot = meet(triangles(block), (0, 0, 0), (0, 1, 0))
    assert spot.at == pytest.approx((0, 5 - 1 / np.cos(0.3), 0), abs=1e-9)
    assert spot.normal == pytest.approx((np.sin(0.3), -np.cos(0.3), 0), abs=1e-9)
    assert meet(triangles(block), (5, 0, 0), (0, 1, 0)) is None


SOLIDS = [
    (Lathed(((1, 0), (1, 2)), 64), 2 * np.pi),
    (Lathed(((1, 0), (1, 1), (0.8, 1), (0.8, 0.5)), 64), np.pi * (1 - 0.32)),
    (Extruded(((-1, -1), (1, -1), (1, 1), (-1, 1)), 3.0), 12.0),
    (Sheet(((0, 0), (1, 0), (1, 1)), 0.1, 2.0), 0.4),
    (Tube(((0, 0, 0), (0, 0, 2)), 1.0, 64), np.pi / 2),
]


@pytest.mark.parametrize(("shape", "volume"), SOLIDS, ids=lambda v: type(v).__name__)
def test_a_solid_is_closed_faces_outwards_and_has_its_volume(shape, volume):
    vertices, faces = shape.mesh()
    a, b, c = vertices[faces].transpose(1, 0, 2)
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(volume, rel=0.01)
    edges = np.sort(np.concatenate([faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_a_solid_part_keeps_its_size_and_place():
    shape = Lathed(((0.1, 0), (0.3, 0.5), (0.2, 1.0)))
    low, high = (getattr(solid("body", shape, (1, 2, 3), WHITE).vertices, f)(axis=0) for f in ("min", "max"))
    assert low == pytest.approx([0.7, 1.7, 3.0], abs=0.01)
    assert high == pytest.approx([1.3, 2.3, 4.0], abs=0.01)
    assert np.abs(unit_mesh(shape)[0]).max() == pytest.approx(1)


def test_furniture_fits_the_place_it_is_drawn_for():
    for seed in SEEDS:
        size = furniture(Palette.draw(np.random.default_rng(seed)), (0.19, 0.19, 0.9)).size
        assert max(size[:2]) < 0.19 * 3  # attachments may stand out


@pytest.mark.parametrize("name", ["endless", "mixed"])
def test_a_style_draws_the_same_rooms_in_which_no_two_things_interpenetrate(name):
    first, second = (
        draw_house(np.random.default_rng(1), 1, style=STYLES[name](np.random.default_rng(2)))
        for _ in range(2)
    )
    assert [t.thing.parts for t in first.things] == [t.thing.parts for t in second.things]
    free = [t for t in first.things if t.thing.label == LABEL]
    assert len(free) > 3
    assert not any(interpenetrate(a, b, 2e-3) for a, b in combinations(free, 2))
