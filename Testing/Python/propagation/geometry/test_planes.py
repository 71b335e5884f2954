"""Finding the planes on which a painting lies, of one axis or of several."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.planes import find_planes

ISOTROPIC = (1.0, 1.0, 1.0)
Planes = dict[int, tuple[int, ...]]


def extent(body: np.ndarray, axis: int) -> np.ndarray:
    return np.flatnonzero(body.any(tuple(other for other in range(3) if other != axis)))


def on(planes: Planes, shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros(shape, bool)
    for axis, indices in planes.items():
        np.moveaxis(found, axis, 0)[list(indices)] = True
    return found


@st.composite
def bodies(
    draw: st.DrawFn,
    smallest: float = 5.0,
    largest: float = 13.0,
    kinds: tuple[str, ...] = ("whole", "bitten", "hollow", "rough"),
) -> np.ndarray:
    """An ellipsoid turned anyhow, whole, bitten into, hollow, or rough."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    radii = np.array(draw(st.tuples(*[st.floats(smallest, largest)] * 3)))
    half = int(radii.max()) + 3
    at = np.stack(np.meshgrid(*[np.arange(-half, half + 1)] * 3, indexing="ij"), -1)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    distance = ((at @ turn / radii) ** 2).sum(-1)
    body = distance <= 1
    kind = draw(st.sampled_from(kinds))
    if kind == "hollow":
        body &= distance > 0.4
    elif kind == "bitten":
        bite = at - random.uniform(-0.7, 0.7, 3) * radii
        body &= ((bite @ turn / (0.6 * radii)) ** 2).sum(-1) > 1
    elif kind == "rough":
        noise = ndimage.gaussian_filter(random.normal(size=body.shape), 2.5)
        body &= noise < 1.5 * noise.std()
    return body


@st.composite
def several_planes(draw: st.DrawFn, body: np.ndarray, axes: st.SearchStrategy[list[int]]) -> Planes:
    """Up to four slices of one axis and two of each other, together at most half as many as the body is wide."""
    planes: Planes = {}
    for number, axis in enumerate(draw(axes)):
        present = extent(body, axis)
        shares = draw(st.lists(st.floats(0.15, 0.85), min_size=1, max_size=2 if number else 4))
        planes[axis] = tuple(sorted({int(present[int(share * (len(present) - 1))]) for share in shares}))
    assume(all(body.take(index, axis).any() for axis, indices in planes.items() for index in indices))
    return planes


AXES = st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)
SEVERAL = st.lists(st.integers(0, 2), min_size=2, max_size=3, unique=True)


def can_be_told(body: np.ndarray, planes: Planes) -> bool:
    """Whether the planes are few against the slices that they cross, and each holds more than crossings with others."""
    few = 2 * sum(map(len, planes.values())) <= min(len(extent(body, axis)) for axis in range(3))
    shown = [body.take(index, axis) for axis, indices in planes.items() for index in indices]
    sizes = [int(part.sum()) for part in shown]
    return few and min(sizes) >= 0.15 * max(sizes)


@settings(max_examples=60)
@given(st.data())
def test_planes_of_any_axes_are_found_again(data: st.DataObject) -> None:
    body = data.draw(bodies())
    planes = data.draw(several_planes(body, AXES))
    assume(can_be_told(body, planes))
    found = find_planes(np.where(body & on(planes, body.shape), 3, 0).astype(np.int16), ISOTROPIC)
    assert found.of_label == {3: planes}
    assert found.axes == tuple(sorted(planes))


@settings(max_examples=25)
@given(st.data())
def test_each_label_has_its_planes(data: st.DataObject) -> None:
    """Two structures side by side, each painted on some of the planes."""
    bodies_of = {1: data.draw(bodies(5.0, 10.0)), 2: data.draw(bodies(5.0, 10.0))}
    apart = data.draw(st.integers(0, 2))
    size = max(body.shape[0] for body in bodies_of.values())
    shape = tuple(2 * size if axis == apart else size for axis in range(3))
    painted, wanted, whole = np.zeros(shape, np.uint8), {}, np.zeros(shape, bool)
    for label, body in bodies_of.items():
        placed = np.zeros(shape, bool)
        corner = [(label - 1) * size if axis == apart else 0 for axis in range(3)]
        placed[tuple(slice(c, c + n) for c, n in zip(corner, body.shape, strict=True))] = body
        planes = data.draw(several_planes(placed, AXES))
        assume(can_be_told(placed, planes))
        painted[placed & on(planes, shape)] = label
        wanted[label], whole = planes, whole | placed
    axes = {axis for planes in wanted.values() for axis in planes}
    assume(2 * sum(len(indices) for planes in wanted.values() for indices in planes.values()) <= size // 2)
    found = find_planes(painted, ISOTROPIC)
    assert found.of_label == wanted
    assert set(found.axes) == axes


@settings(max_examples=25)
@given(st.data())
def test_what_a_sphere_brush_spills_lies_beside_its_plane(data: st.DataObject) -> None:
    body = data.draw(bodies(9.0, 16.0, ("whole",)))
    planes = data.draw(several_planes(body, SEVERAL))
    assume(can_be_told(body, {axis: indices * 3 for axis, indices in planes.items()}))
    painted = np.zeros(body.shape, bool)
    for axis, indices in planes.items():
        along, source = np.moveaxis(painted, axis, 0), np.moveaxis(body, axis, 0)
        for index in indices:
            along[index] |= source[index]
            for beside in (index - 1, index + 1):
                along[beside] |= ndimage.binary_erosion(source[index], iterations=2)
    found = find_planes(painted, ISOTROPIC).of_label[1]
    assert found.keys() == planes.keys()
    for axis, indices in planes.items():
        assert set(indices) <= set(found[axis]) <= {index + beside for index in indices for beside in (-1, 0, 1)}


@settings(max_examples=25)
@given(st.data())
def test_specks_make_no_further_axis(data: st.DataObject) -> None:
    body = data.draw(bodies())
    planes = data.draw(several_planes(body, st.lists(st.integers(0, 2), min_size=2, max_size=2, unique=True)))
    assume(can_be_told(body, planes))
    painted = body & on(planes, body.shape)
    largest = max(int(body.take(index, axis).sum()) for axis, indices in planes.items() for index in indices)
    corner = data.draw(st.tuples(*[st.integers(0, n - 3) for n in body.shape]))
    speck = tuple(slice(c, c + data.draw(st.integers(1, 2))) for c in corner)
    painted[speck] = True
    assume((painted & ~(body & on(planes, body.shape))).sum() < 0.05 * largest)
    found = find_planes(painted, ISOTROPIC).of_label[1]
    assert found.keys() == planes.keys()
    assert all(set(indices) <= set(found[axis]) for axis, indices in planes.items())


SHAPE = (30, 32, 34)
AT = np.indices(SHAPE)
BALL = ((AT - np.array([15, 16, 17]).reshape(3, 1, 1, 1)) ** 2).sum(0) <= 121


@pytest.mark.parametrize("planes", [{2: (17, 18), 1: (16,)}, {2: (17, 18)}], ids=["two axes", "one axis"])
def test_a_speck_on_the_slices_beside_painted_ones_is_no_oblique_painting(planes: Planes) -> None:
    painted = BALL & on(planes, SHAPE)
    painted[0, :2, 19:21] = True
    found = find_planes(painted, ISOTROPIC)
    assert found.main == 2
    assert found.of_label[1] == {**planes, 2: (17, 18, 19, 20)}


def test_the_axis_of_most_planes_is_the_main_one() -> None:
    painted = BALL & on({1: (16,), 2: (10, 17, 24)}, SHAPE)
    assert find_planes(painted, (3.0, 1.0, 1.0)).main == 2
    assert find_planes(BALL & on({0: (15,), 1: (16,)}, SHAPE), (1.0, 3.0, 1.0)).main == 1


def test_declared_planes_count_though_they_are_empty() -> None:
    painted = np.where(BALL & on({0: (10, 20)}, SHAPE), 2, 0).astype(np.uint8)
    found = find_planes(painted, ISOTROPIC, [3, (2, 31), (0, 28)])
    assert (found.main, found.of_label) == (0, {2: {0: (3, 10, 20, 28), 2: (31,)}})
    assert find_planes(painted, ISOTROPIC, {2: [(1, 1)], 5: [(2, 1)]}).of_label == {2: {0: (10, 20), 1: (1,)}}
    assert find_planes(painted, ISOTROPIC, []).of_label == {2: {0: (10, 20)}}


def test_declared_planes_tell_what_could_not_be_told() -> None:
    painted = np.zeros((9, 9, 9), bool)
    painted[4, 3:6, 3:6] = painted[3:6, 4, 3:6] = True  # a structure three voxels wide
    assert find_planes(painted, ISOTROPIC, [(0, 4), (1, 4)]).of_label == {1: {0: (4,), 1: (4,)}}
    row = np.zeros((9, 9, 9), bool)
    row[4, 4, 2:7] = True
    with pytest.raises(InputError, match="may lie on slices along k or j"):
        find_planes(row, ISOTROPIC)
    assert find_planes(row, ISOTROPIC, [(1, 4)]).of_label == {1: {1: (4,)}}


@given(st.data())
def test_declared_planes_that_hold_everything_are_taken_for_it(data: st.DataObject) -> None:
    """Whatever is painted on them."""
    planes = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, unique=True))
    noise = np.random.default_rng(data.draw(st.integers(0, 99))).random((6, 6, 6)) < data.draw(st.floats(0.1, 1))
    painted = noise & on({axis: tuple(z for own, z in planes if own == axis) for axis in range(3)}, noise.shape)
    assume(painted.any())
    of_label = find_planes(painted, ISOTROPIC, planes).of_label[1]
    found = {(axis, z) for axis, indices in of_label.items() for z in indices}
    if len({axis for axis, z in planes if painted.take(z, axis).any()}) > 1:
        assert found == set(planes)
    else:  # those with nothing on them, and slices along the one axis on which the others lie
        assert found >= set(planes)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ([30], "Slice 30 is declared painted, but the slices go from 0 to 29."),
        ([(2, 34)], "Slice i=34 is declared painted, but the slices along i go from 0 to 33."),
        ([(0, -1)], "Slice -1 is declared painted, but the slices go from 0 to 29."),
        ([(3, 1)], "must be given as a list of whole numbers, or of pairs of an axis, 0 to 2, and a whole number"),
        ([(1, 2, 3)], "must be given as a list of whole numbers, or of pairs"),
        (["k"], "must be given as a list of whole numbers, or of pairs"),
        (5, "must be given as a list of whole numbers, or of pairs"),
    ],
)
def test_declared_planes_that_make_no_sense(declared: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        find_planes(BALL & on({0: (10, 20)}, SHAPE), ISOTROPIC, declared)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_labels_that_overlap_share_the_main_axis() -> None:
    layers = np.stack([BALL & on({0: (10, 15, 20)}, SHAPE), 2 * (BALL & on({1: (16,)}, SHAPE))]).astype(np.uint8)
    found = find_planes(layers, ISOTROPIC)
    assert (found.main, found.of_label) == (0, {1: {0: (10, 15, 20)}, 2: {1: (16,)}})


@pytest.mark.parametrize("normal", [(1, 1, 0), (1, 1, 1), (0.5, 1, 0), (0.4, 0.3, 1)])
def test_an_oblique_plane_beside_planes_of_the_volume_is_refused(normal: tuple[float, float, float]) -> None:
    distance = sum(n * (at - centre) for n, at, centre in zip(normal, AT, (15, 16, 17), strict=True))
    oblique = BALL & (np.abs(distance) <= 0.5 * max(normal))
    for planes in ({0: (8,)}, {0: (10,), 1: (20,)}):
        with pytest.raises(InputError, match="lie on slices"):
            find_planes(oblique | (BALL & on(planes, SHAPE)), ISOTROPIC)


@settings(max_examples=60, derandomize=True)  # of thousands of bodies, one in a thousand seems to
@given(st.data())
def test_planes_of_one_body_do_not_contradict_each_other(data: st.DataObject) -> None:
    body = data.draw(bodies(9.0, 16.0, ("whole",)))
    planes = data.draw(several_planes(body, SEVERAL))
    assume(can_be_told(body, planes))
    assert find_planes(body & on(planes, body.shape), ISOTROPIC).contradictions == ()


@settings(max_examples=60)
@given(
    axes=st.permutations([0, 1, 2]),
    off=st.integers(2, 4),
    side=st.sampled_from([-1, 1]),
    places=st.tuples(*[st.integers(-4, 4)] * 2),
)
def test_a_plane_painted_some_voxels_off_is_named(
    axes: list[int], off: int, side: int, places: tuple[int, int]
) -> None:
    """Moved along the line where it crosses the other."""
    one, other, line = axes
    center = (15, 16, 17)
    planes = (one, center[one] + places[0]), (other, center[other] + places[1])
    moved = np.roll(BALL, side * off, line)
    painted = (BALL & on({planes[0][0]: (planes[0][1],)}, SHAPE)) | (moved & on({planes[1][0]: (planes[1][1],)}, SHAPE))
    found = find_planes(painted, ISOTROPIC)
    (told,) = found.contradictions
    assert {*told.planes} == {*planes} and told.label == 1
    assert 2 * off - 2 <= told.voxels <= 2 * off + 2
    names = [f"{'kji'[axis]}={index}" for axis, index in told.planes]
    assert all(name in told.sentence("label 1") for name in (*names, "label 1", f"{told.voxels} voxels"))
