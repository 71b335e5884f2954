"""What is known of voxels, as the engine sees them: by label, through regions, and however the volume is stored."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.evidence import SINGLE, WALL, Evidence
from PatchICLLib.propagation.geometry.known_voxels import BARRED, INSIDE, OUTSIDE, SURE, KnownVoxels
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.region import Region

SHAPE = (3, 5, 4)
PLANE = slice(0, 5), slice(0, 4)


def known(codes: np.ndarray, painted: np.ndarray, excluded: dict[int, list[int]] | None = None) -> KnownVoxels:
    evidence = Evidence.of(codes, excluded, painted, painted)
    assert evidence is not None
    return KnownVoxels(painted, evidence)


@given(st.integers(0, 2**32 - 1))
def test_each_label_knows_what_concerns_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    painted = rng.integers(0, 3, SHAPE).astype(np.uint8)
    codes = rng.choice(np.array([0, 0, SINGLE, 2, 3, WALL, WALL + 1], np.uint8), SHAPE)
    voxels = known(codes, painted, {3: [2], WALL + 1: [2]})
    for label in (1, 2):
        expected = np.zeros(SHAPE, np.uint8)
        for place in np.ndindex(SHAPE):
            if codes[place] in (1, 2, WALL) or (codes[place] in (3, WALL + 1) and label == 2):
                absent = OUTSIDE if codes[place] < WALL else BARRED
                expected[place] = INSIDE if painted[place] == label else absent
        found = voxels.of(label, range(3), PLANE)
        np.testing.assert_array_equal(np.zeros(SHAPE) if found is None else found, expected)
        assert voxels.count(label) == np.count_nonzero(expected)
        logits = torch.from_numpy(rng.normal(0, 4, SHAPE).astype(np.float32))
        held = voxels.held(label, range(3), PLANE, logits).numpy()
        np.testing.assert_array_equal(held[expected == 0], logits.numpy()[expected == 0])
        np.testing.assert_array_equal(held[expected == INSIDE], SURE)
        np.testing.assert_array_equal(held[expected >= OUTSIDE], -SURE)


def test_turned_as_the_volume_is() -> None:
    codes = np.zeros(SHAPE, np.uint8)
    codes[2, 0, 1] = 2
    painted = np.zeros(SHAPE, np.uint8)
    evidence = Evidence.of(codes, None, painted, painted)
    assert evidence is not None
    turned = Orientation((1, 2, 0), (True, False, True), SHAPE)
    found = KnownVoxels.seen(turned.view(painted), evidence, turned).of(1, range(5), (slice(0, 4), slice(0, 3)))
    assert found is not None
    np.testing.assert_array_equal(np.argwhere(found), [[4, 1, 0]])


@given(
    count=st.integers(20, 900),
    place=st.floats(0, 1),
    across=st.integers(0, 1),
    size=st.sampled_from([32, 128]),
    side=st.floats(0.2, 1.2),
    centre=st.floats(0, 1),
)
def test_no_line_is_lost_at_any_resolution(
    count: int, place: float, across: int, size: int, side: float, centre: float
) -> None:
    line = round(place * (count - 1))
    codes = np.zeros((1, count, count), np.uint8)
    (codes if across == 0 else codes.transpose(0, 2, 1))[0, line] = 2
    middle = centre * (count - 1)
    region = Region((middle, middle), side * count, (1.0, 1.0))
    seeds = known(codes, np.zeros_like(codes)).seeds(1, [0], region, size)
    seen = abs(line - middle) < side * count / 2 - 1
    if seeds is None:
        assert not seen
        return
    lines = seeds[0] if across == 0 else seeds[0].T
    rows = np.flatnonzero(lines.any(1))
    pixel = (line - middle) / (side * count) * size + size / 2  # edges of pixels are whole numbers
    wide = max(1.0, size / (side * count))
    assert (np.abs(rows + 0.5 - pixel) <= wide / 2 + 0.51).all()
    within = (np.arange(size) + 0.5 - size / 2) / size * side * count + middle
    half = side * count / size / 2
    inner, outer = (within > 0) & (within < count - 1), (within + half < -0.51) | (within - half > count - 0.49)
    assert (lines[rows][:, inner] == OUTSIDE).all() and not lines[:, outer].any()


def test_a_pixel_is_what_most_of_its_known_voxels_are() -> None:
    codes = np.full((1, 8, 8), SINGLE, np.uint8)
    painted = np.zeros_like(codes)
    painted[0, :4, :4] = 1
    painted[0, 0, 0] = painted[0, 6, 6] = 0
    painted[0, 7, 7] = 1
    seeds = known(codes, painted).seeds(1, [0], Region((3.5, 3.5), 8.0, (1.0, 1.0)), 2)
    np.testing.assert_array_equal(seeds, [[[INSIDE, OUTSIDE], [OUTSIDE, OUTSIDE]]])


def test_something_else_is_in_a_pixel_if_it_is_in_half_of_it() -> None:
    codes = np.zeros((1, 8, 8), np.uint8)
    codes[0, :, :2], codes[0, 4:, 4:5], codes[0, 0, 7] = WALL, WALL, 2
    seeds = known(codes, np.zeros_like(codes)).seeds(1, [0], Region((3.5, 3.5), 8.0, (1.0, 1.0)), 2)
    np.testing.assert_array_equal(seeds, [[[BARRED, OUTSIDE], [BARRED, 0]]])


def test_digest_changes_with_what_is_known_through_the_window_alone() -> None:
    painted = np.zeros(SHAPE, np.uint8)
    codes = np.zeros(SHAPE, np.uint8)
    codes[1, 2, 3] = 2
    elsewhere, other, wall = codes.copy(), codes.copy(), codes.copy()
    elsewhere[1, 0, 0] = other[1, 2, 2] = 2
    wall[1, 2, 3] = WALL
    window = slice(1, 5), slice(0, 4)
    digests = [known(some, painted).digest(1, range(3), window) for some in (codes, elsewhere, other, wall)]
    assert digests[0] == digests[1] and len(set(digests)) == 3


@pytest.mark.parametrize(
    ("codes", "excluded", "said"),
    [
        (None, {2: [1]}, "no evidence to say where"),
        ([[[0]]], None, "must be a numpy array of type uint8, not list"),
        (np.zeros(SHAPE, np.int16), None, "not int16"),
        (np.zeros((3, 5, 5), np.uint8), None, r"\(3, 5, 5\)"),
        (np.zeros(SHAPE, np.uint8), [2], "by the code"),
        (np.zeros(SHAPE, np.uint8), {1: [2]}, "codes from 2 to 255"),
        (np.zeros(SHAPE, np.uint8), {"2": [2]}, "whole numbers"),
        (np.zeros(SHAPE, np.uint8), {2: 1}, "must be a list"),
        (np.zeros(SHAPE, np.uint8), {2: ["liver"]}, "whole numbers"),
    ],
)
def test_what_is_no_evidence_is_refused(codes: object, excluded: object, said: str) -> None:
    image = np.zeros(SHAPE, np.float32)
    with pytest.raises(InputError, match=said):
        Evidence.of(codes, excluded, image, image)  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1))
def test_how_far_it_is_to_where_a_label_is_shown(seed: int) -> None:
    rng = np.random.default_rng(seed)
    painted = (rng.random((9, 5, 4)) < 0.1) * rng.integers(1, 3, (9, 5, 4)).astype(np.uint8)
    planes = frozenset({(0, 2), *((axis, int(rng.integers(4))) for axis in rng.choice([1, 2], rng.integers(3)))})
    voxels = KnownVoxels(painted, Evidence(planes={1: planes}))
    start = int(rng.integers(9))
    shown = {z for z in range(9) for axis, index in planes if axis and (painted[z].take(index, axis - 1) == 1).any()}
    goals = rng.permutation([z for z in range(9) if z != start])[:5].tolist()
    found = voxels.unseen(1, goals, start)
    for z, count in zip(goals, found, strict=True):
        way = range(z, start, 1 if start > z else -1)  # to the painted slice, but not upon it
        assert count == next((abs(z - place) for place in way if place in shown), abs(z - start))


@given(st.integers(0, 2**32 - 1))
def test_how_far_beyond_a_slice_a_label_is_shown(seed: int) -> None:
    rng = np.random.default_rng(seed)
    painted = (rng.random((9, 5, 4)) < 0.1) * rng.integers(1, 3, (9, 5, 4)).astype(np.uint8)
    planes = frozenset({(0, 2), (0, 7), *((axis, int(rng.integers(4))) for axis in rng.choice([1, 2], 2))})
    voxels = KnownVoxels(painted, Evidence(planes={1: planes, 2: frozenset({(0, 3)})}))
    for start, beyond in ((2, [0, 1]), (7, [8]), (4, [5, 6, 7, 8])):
        lies = [abs(z - start) for z in beyond for a, n in planes if a and (painted[z].take(n, a - 1) == 1).any()]
        assert voxels.shown(1, rng.permutation(beyond).tolist(), start) == max(lies, default=0)
        assert voxels.shown(2, beyond, start) == 0


@given(rows=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 19))), seed=st.integers(0, 2**16))
def test_a_digest_changes_with_all_that_planes_across_show(rows: set[tuple[int, int]], seed: int) -> None:
    """Also beyond the window: how far a structure reaches, and on which slices it is, is asked of whole planes."""
    rng, planes = np.random.default_rng(seed), {1: frozenset({(1, 3)})}
    before = (rng.random((8, 6, 20)) < 0.1).astype(np.uint8)
    after = before.copy()
    for z, column in rows:
        after[z, 3, column] ^= 1
    one, other = (KnownVoxels(painted, Evidence(planes=planes)) for painted in (before, after))
    window, slices = (slice(0, 6), slice(0, 4)), range(1, 7)
    same = one.digest(1, slices, window) == other.digest(1, slices, window)
    assert same == (before[1:7, 3] == after[1:7, 3]).all()
