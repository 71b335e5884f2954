"""Which painted slices are stray, outlines or scribbles, and that what an evaluation paints never is stray."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.protocol import paint, painted_positions
from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.geometry.painting_review import PaintingReview, review_painting

ROWS, COLUMNS = np.meshgrid(np.arange(40), np.arange(44), indexing="ij")


def disc(radius: float, row: float = 20, column: float = 22) -> np.ndarray:
    return (ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2


def review(planes: dict[int, np.ndarray], depth: int = 30, **options: object) -> PaintingReview:
    painted = np.zeros((depth, *ROWS.shape), np.uint8)
    for index, plane in planes.items():
        painted[index] = plane
    return review_painting(painted, 0, **options)[1]  # type: ignore[arg-type]


PAINTED = {5: disc(6), 12: disc(11), 20: disc(8)}


@pytest.mark.parametrize("index", [4, 8, 11, 13, 16, 22, 28])
@pytest.mark.parametrize("place", [(0, 0), (20, 22)])
def test_a_stray_voxel(index: int, place: tuple[int, int]) -> None:
    found = review({**PAINTED, index: disc(0, *place)})
    if index == 28:  # 5, 12, 20, 28: at equal distances, as somebody paints who knows where it ends
        assert found.stray == () and found.context == (5, 12, 20, 28)
    else:
        assert found.stray == (index,) and found.context == (5, 12, 20)
        assert [f"On slice {index}" in text for text in found.sentences("label 1")] == [True]


def test_several_stray_slices() -> None:
    assert review({**PAINTED, 14: disc(0), 15: disc(0, 3, 3), 17: disc(1)}).stray == (14, 15, 17)


@pytest.mark.parametrize("middles", [[12], [6, 20], [0, 12], [12, 14], [29]])
@pytest.mark.parametrize("ratio", [0.5, 1.2, 3.0])
def test_the_spill_of_a_sphere_brush(middles: list[int], ratio: float) -> None:
    """Strokes of a sphere brush whose radius is 6 voxels, on slices so far apart as ``ratio`` says (a share of it)."""
    step, radius = 6 / ratio, 6.0
    planes: dict[int, np.ndarray] = {}
    for middle in middles:
        for index in range(30):
            left = radius**2 - ((index - middle) * step) ** 2
            if left >= 0:
                strokes = np.logical_or.reduce([disc(left**0.5, row, 22) for row in range(12, 30, 2)])
                planes[index] = strokes | planes.get(index, np.zeros_like(strokes))
    kept = review(planes)
    assert set(middles) <= set(kept.context)
    areas = {index: plane.sum() for index, plane in planes.items()}
    for index in kept.context:  # what is left is nearly as large as the slice that was painted
        at_the_border = index in (1, 2, 27, 28)  # with one side only, a cap must be tiny to tell
        assert areas[index] > (0.1 if at_the_border else 0.6) * max(areas.values())


def test_what_was_drawn_on_neighbouring_slices_stays() -> None:
    shrinking = {z: disc(10 - 0.4 * z, 20 + 0.2 * z) for z in range(10, 18)}
    assert review(shrinking).stray == ()
    assert review({9: disc(3), 10: disc(9), 11: disc(6, 23)}).stray == ()
    assert review({9: disc(2), 10: disc(9), 12: disc(6)}).stray == ()


def test_overruled() -> None:
    planes = {**PAINTED, 16: disc(0)}
    assert review(planes, use_all_slices=True).context == (5, 12, 16, 20)
    assert review(planes, declared=[16]).context == (5, 12, 16, 20)
    ignoring = review(planes, ignored=[8, 12])
    assert ignoring.context == (5, 20) and ignoring.without_context == (12, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignored": [5, 12, 20]}, "All slices on which label 1 is painted are to be ignored: leave at least one."),
        ({"ignored": [30]}, "Slice 30 is to be ignored, but the slices go from 0 to 29."),
        ({"ignored": [7], "declared": {1: [7]}}, "Slice 7 is declared painted and to be ignored: choose one of both."),
    ],
)
def test_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        review(PAINTED, **options)
    assert str(error.value) == message


@st.composite
def structures(draw: st.DrawFn) -> np.ndarray:
    """Bodies of any thickness along k: tapering, with waists, of several parts, bent, down to one voxel."""
    depth, knots = draw(st.integers(8, 60)), draw(st.integers(2, 7))
    at = np.linspace(0, depth - 1, knots)
    places = np.arange(depth)

    def course(lowest: float, highest: float) -> np.ndarray:
        values = [draw(st.floats(lowest, highest)) for _ in range(knots)]
        return np.interp(places, at, values)

    radii, rows, columns = course(-2, 13), course(8, 32), course(8, 36)
    body = np.stack([disc(max(r, 0), y, x) & (r >= 0) for r, y, x in zip(radii, rows, columns, strict=True)])
    if draw(st.booleans()):  # a sphere, symmetrical
        middle, radius = draw(st.integers(0, depth - 1)), draw(st.integers(1, 14))
        left = radius**2 - (places - middle) ** 2
        body |= np.stack([disc(max(q, 0) ** 0.5) & (q >= 0) for q in left])
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    present = np.flatnonzero(body.any((1, 2)))
    if not len(present) or present[-1] - present[0] < 7:  # an evaluation leaves out what has fewer than 8 slices
        body[[0, -1], 20, 22] = True
    return np.pad(body, ((before, after), (0, 0), (0, 0)))


@given(body=structures(), k=st.sampled_from([1, 2, 3, 5]), placement=st.sampled_from(["span", "inset"]))
def test_nothing_that_an_evaluation_paints_is_stray(body: np.ndarray, k: int, placement: str) -> None:
    present = np.flatnonzero(body.any((1, 2)))
    slices = painted_positions(int(present[0]), int(present[-1]), k, placement)  # type: ignore[arg-type]
    painted = paint(body, 0, slices)
    holding = tuple(z for z in slices if painted[z].any())
    if not holding:
        return
    assert review_painting(painted, 0, declared=slices)[1].stray == ()
    if holding == slices:  # nobody needs to say that they were painted
        assert review_painting(painted, 0)[1].stray == ()


def test_outlines() -> None:
    ring = disc(11) & ~disc(9.5)
    assert review({5: disc(6), 12: ring, 20: disc(8)}).outlines == (12,)
    assert review({5: ring, 12: ring}).outlines == (5, 12)
    (text,) = review({5: disc(6), 12: ring}).sentences("liver")
    assert text == "The painting of liver on slice 12 is an outline: fill it, unless the structure is a wall."
    wall, small = disc(16) & ~disc(9), disc(2) & ~disc(1)
    assert review({5: wall, 12: small, 18: disc(11) & ~disc(3)}).outlines == ()


def test_scribbles() -> None:
    scribble = (abs(ROWS - COLUMNS + 2) <= 1) & disc(11)
    assert review({5: disc(10), 12: scribble, 20: disc(9)}).scribbles == (12,)
    assert review({5: disc(2), 12: disc(10), 20: disc(3)}).scribbles == ()
    assert review({5: scribble, 12: np.roll(scribble, 1, 0)}).scribbles == ()  # a thin structure


def test_a_stray_slice_gives_no_context_and_keeps_its_voxels(engine: Propagator) -> None:
    shape = (24, 40, 44)
    radii = 11 * np.sqrt(1 - ((np.arange(24) - 12) / 12) ** 2)
    body = np.stack([disc(r) for r in radii])
    image = (body * 60 + np.random.default_rng(0).normal(0, 6, shape)).astype(np.float32)
    painted = paint(body, 0, (4, 11, 19))
    plain = engine.propagate(image, painted, axis=0)
    painted[14, 2, 3] = 1
    result = engine.propagate(image, painted, axis=0)
    assert result.labels[14, 2, 3] == 1
    result.labels[14, 2, 3] = plain.labels[14, 2, 3]
    np.testing.assert_array_equal(result.labels, plain.labels)
    assert result.report["painted_slices"] == {"1": [4, 11, 19]} and result.report["ignored_slices"] == {"1": [14]}
    assert len(result.report["warnings"]) == 1 and "On slice 14" in result.report["warnings"][0]
    assert plain.report["ignored_slices"] == {} and plain.report["warnings"] == []
    overruled = engine.propagate(image, painted, axis=0, use_all_slices=True, extent=(12, 13))
    assert overruled.report["painted_slices"] == {"1": [4, 11, 14, 19]} and overruled.report["ignored_slices"] == {}
    chosen = engine.propagate(image, painted, axis=0, ignore_slices={1: [4, 14]}, extent=(3, 4))
    assert chosen.report["ignored_slices"] == {"1": [4, 14]}
    np.testing.assert_array_equal(chosen.labels[4][body[4]], 1)


def test_slices_of_another_axis_are_told_of_where_the_axis_is_named(engine: Propagator) -> None:
    painted = np.zeros((16, 18, 17), np.uint8)
    painted[[4, 11], 3:15, 3:14] = painted[2:14, 3:15, 8] = 1
    image = np.random.default_rng(0).normal(0, 1, painted.shape) + painted
    report = engine.propagate(image, painted, axis=0, extent=(14, 14)).report
    assert "crosses slices along k" in report["warnings"][0]


def test_a_review_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from PatchICLLib.propagation import options\n"
        "from PatchICLLib.propagation.geometry import axis, painted_slices, painting_review\n"
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
