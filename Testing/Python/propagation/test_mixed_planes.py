"""Painting on slices of several axes: exact wherever something was painted or erased, and each slice helps."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.trace import CascadeOutput
from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.propagation import CancelToken, Progress, PropagationOptions, PropagationResult, Propagator
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.weights import Pretrained
from Testing.Miniatures.texture_model import TextureModel

Engines = Callable[[], Propagator]
Planes = dict[int, list[tuple[int, int]]]
BARE: frozenset[str] = frozenset()


def careless_engine() -> Propagator:
    """An engine that remembers nothing, whose network says anything."""
    return Propagator(Pretrained(TextureModel(), "texture", "sparse", "0" * 64, {}), torch.device("cpu"))


@dataclass(frozen=True, eq=False)
class Painting:
    """Labels drawn on planes of several axes, and what else is known.

    Attributes:
        image, painted: (K, J, I).
        planes: for each label those that were drawn, or declared though empty.
        evidence: (K, J, I): 1 where voxels stand for themselves, 2 where no label is, 3 where label 1 is not.
    """

    image: np.ndarray
    painted: np.ndarray
    planes: Planes
    evidence: np.ndarray

    def propagated(self, engine: Propagator, **options: object) -> PropagationResult:
        return engine.propagate(
            self.image, self.painted, (2.0, 1.0, 1.0), painted_slices=self.planes, evidence=self.evidence,
            excluded={3: [1]}, outputs=BARE, **options,
        )  # fmt: skip

    def check(self, labels: np.ndarray) -> None:
        """That labels hold to all that is known."""
        painted, evidence = self.painted, self.evidence
        np.testing.assert_array_equal(labels[painted != 0], painted[painted != 0])
        np.testing.assert_array_equal(labels[evidence == 1], painted[evidence == 1])
        assert not labels[(evidence == 2) & (painted == 0)].any()
        assert not (labels[(evidence == 3) & (painted != 1)] == 1).any()
        for label, planes in self.planes.items():
            for axis, index in planes:
                np.testing.assert_array_equal(labels.take(index, axis) == label, painted.take(index, axis) == label)


@st.composite
def paintings(draw: st.DrawFn) -> Painting:
    """Two blobs in noise, each drawn on one to four planes of any axes, perhaps one more declared empty."""
    shape = tuple(draw(st.integers(6, 10)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    smooth = ndimage.gaussian_filter(rng.normal(0, 1, shape), 1.5)
    hidden = np.where(smooth > np.quantile(smooth, 0.7), 1, np.where(smooth < np.quantile(smooth, 0.2), 2, 0))
    image = (hidden * 50 + rng.normal(0, 10, shape)).astype(np.float32)
    painted, planes = np.zeros(shape, np.uint8), {}
    for label in (1, 2)[: draw(st.integers(1, 2))]:
        every = [(axis, index) for axis in range(3) for index in range(shape[axis])]
        held = [plane for plane in every if (hidden.take(plane[1], plane[0]) == label).any()]
        assume(held)
        planes[label] = draw(st.lists(st.sampled_from(held), min_size=1, max_size=4, unique=True))
        for axis, index in planes[label]:
            np.moveaxis(painted, axis, 0)[index][hidden.take(index, axis) == label] = label
    for label in planes:
        empty = [(a, z) for a in range(3) for z in range(shape[a]) if not (painted.take(z, a) == label).any()]
        if empty and draw(st.booleans()):
            planes[label] = [*planes[label], draw(st.sampled_from(empty))]
    evidence = np.zeros(shape, np.uint8)
    if draw(st.booleans()):
        evidence = (rng.choice(4, shape, p=[0.9, 0.04, 0.03, 0.03])).astype(np.uint8)
        on_planes = np.zeros(shape, bool)
        for axis, index in (plane for some in planes.values() for plane in some):
            np.moveaxis(on_planes, axis, 0)[index] = True
        alone = (evidence == 1) & ~on_planes
        painted[alone] = rng.choice([0, *planes], alone.sum())
    return Painting(image, painted, planes, evidence)


def erased(painting: Painting, rng: np.random.Generator) -> Painting:
    """The same with some painted voxels erased, all but one of each label."""
    gone = (painting.painted != 0) & (rng.random(painting.painted.shape) < 0.5)
    for label in painting.planes:
        kept = np.argwhere((painting.painted == label) & (painting.evidence != 1))[0]
        gone[tuple(kept)] = False
    return replace(painting, painted=np.where(gone, 0, painting.painted).astype(np.uint8))


@pytest.mark.slow
@settings(max_examples=100)
@given(painting=paintings(), prior=st.integers(0, 9).map(lambda n: n == 9), after=st.integers(1, 30))
def test_all_that_is_known_holds(painting: Painting, prior: bool, after: int) -> None:
    """Painted, erased, the same afresh, painted again and canceled: five runs each."""
    engine = careless_engine()
    less = erased(painting, np.random.default_rng(after))
    token = CancelToken()

    def listen(progress: Progress) -> None:
        if progress.done >= after:
            token.cancel()

    try:
        first = painting.propagated(engine, prior=prior)
    except InputError as error:
        refusals = ("nothing left to propagate", "may lie on slices", "do not lie on slices")  # of what is ambiguous
        assert any(text in str(error) for text in refusals)
        return
    painting.check(first.labels)
    erasing = less.propagated(engine, prior=prior).labels
    less.check(erasing)
    np.testing.assert_array_equal(erasing, less.propagated(careless_engine(), prior=prior).labels)  # nothing is stale
    again = painting.propagated(engine, prior=prior)
    np.testing.assert_array_equal(again.labels, first.labels)
    assert again.report["timings"]["computed_slices"] == 0
    try:
        canceled = painting.propagated(careless_engine(), prior=prior, progress=listen, cancel=token).labels
    except Cancelled as error:
        canceled = painting.painted if error.partial is None else error.partial.labels
    painting.check(canceled)


@settings(max_examples=15)
@given(painting=paintings(), axis=st.integers(0, 2))
def test_slices_of_one_axis_are_read_as_if_it_were_named(painting: Painting, axis: int) -> None:
    planes = {label: [plane for plane in some if plane[0] == axis] for label, some in painting.planes.items()}
    painted = np.zeros_like(painting.painted)
    for label, some in planes.items():
        for _, index in some:
            lies = np.moveaxis(painting.painted, axis, 0)[index] == label
            np.moveaxis(painted, axis, 0)[index][lies] = label
    assume(all((painted == label).any() for label in planes))
    alone = Painting(painting.image, painted, planes, np.zeros_like(painted))
    try:
        found = alone.propagated(careless_engine(), prior=False)
    except InputError:
        assume(False)
    named = alone.propagated(careless_engine(), prior=False, axis=axis)
    assert found.report["axis"] == "kji"[axis] and set(found.report["painted_planes"]["1"]) == {"kji"[axis]}
    np.testing.assert_array_equal(found.labels, named.labels)


@pytest.fixture(scope="module")
def ball() -> tuple[np.ndarray, np.ndarray]:
    """A bright, slightly tilted ellipsoid in noise, and where it is."""
    shape = (24, 30, 28)
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    mask = ((k - 11) / 8) ** 2 + ((j - 14 - 0.3 * (k - 11)) / 9) ** 2 + ((i - 13) / 8) ** 2 <= 1
    return (mask * 90 + np.random.default_rng(3).normal(0, 25, shape)).astype(np.float32), mask


def drawn(mask: np.ndarray, *planes: tuple[int, int], label: int = 1) -> np.ndarray:
    painted = np.zeros(mask.shape, np.uint8)
    for axis, index in planes:
        np.moveaxis(painted, axis, 0)[index] = label * mask.take(index, axis)
    return painted


def dice(labels: np.ndarray, mask: np.ndarray, judged: np.ndarray) -> float:
    found = (labels != 0)[judged]
    return 2 * float((found & mask[judged]).sum()) / float(found.sum() + mask[judged].sum())


def test_a_slice_across_helps(new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = ball
    parallel = drawn(mask, (0, 6), (0, 16))
    mixed = drawn(mask, (0, 6), (0, 16), (2, 13))
    before, after = (new_engine().propagate(image, painted, outputs=BARE).labels for painted in (parallel, mixed))
    judged = mixed == 0
    judged[[6, 16]] = judged[:, :, 13] = False
    assert dice(after, mask, judged) > dice(before, mask, judged)


class Expecting(TextureModel):
    """Says what shape is expected, and remembers how many fields of view from the painted slice there was one."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[float, bool] = {}

    def forward(
        self, images: torch.Tensor, cache: None, hints: Hints, places: torch.Tensor, **_: object
    ) -> CascadeOutput:
        inside = (hints.shape[:, 0] > 0).any(2).any(1)
        self.held |= {float(place): bool(there) for place, there in zip(places, inside, strict=True)}
        return CascadeOutput(hints.shape[:, :1], ())


def test_a_structure_is_expected_as_far_as_slices_across_show_it() -> None:
    k, j, i = np.ogrid[:48, :24, :24]
    mask = ((j - 12) ** 2 + (i - 12) ** 2 < 20) & (abs(k - 24) <= 14)
    model = Expecting()
    engine = Propagator(Pretrained(model, "expecting", "sparse", "0" * 64, {}), torch.device("cpu"))
    planes = [(0, 24), (2, 12)]
    engine.propagate(mask * 100.0, drawn(mask, *planes), painted_slices=planes, outputs=BARE)
    # what is seen is 20 voxels wide, and twice so wide along the other axis, along which the structure is thin
    far = {round(20 * place): held for place, held in model.held.items() if abs(place) > 0.31}
    shown = {z for z in far if abs(z) <= 14}
    assert len(shown) >= 6
    assert min(far) < -14 < 14 < max(far)
    assert all(far[z] for z in shown)
    assert not any(held for z, held in far.items() if abs(z) > 17)


def test_a_painting_of_true_and_false_is_read_as_numbers_are(
    new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]
) -> None:
    image, mask = ball
    painted = drawn(mask, (0, 6), (0, 16), (2, 13))
    numbers, truths = (new_engine().propagate(image, one, outputs=[]).labels for one in (painted, painted != 0))
    np.testing.assert_array_equal(truths, numbers != 0)


@pytest.mark.parametrize(
    ("step", "planes", "told"),
    [
        (2.0, [(0, 11), (1, 13), (2, 13)], True),
        (1.9, [(0, 11), (1, 13), (2, 13)], False),
        (5.0, [(0, 6), (0, 11), (1, 13), (2, 13)], False),
        (5.0, [(0, 11), (2, 13)], False),
    ],
)
def test_one_slice_of_each_axis_is_little_where_slices_are_thick(
    ball: tuple[np.ndarray, np.ndarray], step: float, planes: list[tuple[int, int]], told: bool
) -> None:
    image, mask = ball
    for axis in range(3):
        spacing = [1.0, 1.0, 1.0]
        spacing[axis] = step
        turned = [np.moveaxis(array, 0, axis) for array in (image, drawn(mask, *planes))]
        order = [b for b in range(3) if b != axis]
        named = [(axis if a == 0 else order[a - 1], z) for a, z in planes]
        k, j, i = spacing
        plan = Plan.of(*turned, (k, j, i), PropagationOptions(painted_slices=named))
        said = [text for text in plan.warnings if "thick" in text]
        assert len(said) == told and all(f"three slices along {'kji'[axis]}" in text for text in said)


@pytest.mark.parametrize("main", [0, 1, 2])
def test_report_and_progress_count_along_the_main_axis(
    new_engine: Engines, ball: tuple[np.ndarray, np.ndarray], main: int
) -> None:
    image, mask = (np.moveaxis(array, 0, main) for array in ball)
    other = (main + 1) % 3
    painted = drawn(mask, (main, 6), (main, 11), (main, 16), (other, 13))
    heard: list[Progress] = []
    result = new_engine().propagate(image, painted, progress=heard.append)
    report = result.report
    assert report["axis"] == "kji"[main] and report["painted_slices"] == {"1": [6, 11, 16]}
    assert report["painted_planes"] == {
        "1": dict(sorted({"kji"[main]: [6, 11, 16], "kji"[other]: [13]}.items(), key=lambda e: "kji".index(e[0])))
    }
    assert report["complete"] and report["warnings"] == []
    assert {figure["index"] for figure in report["slices"]} <= set(range(image.shape[main])) - {6, 11, 16}
    assert report["suggested_next_slice"] in {figure["index"] for figure in report["slices"]}
    assert result.selections and {one.slice_index for one in result.selections} <= set(range(image.shape[main]))
    done, totals = [p.done for p in heard], [p.total for p in heard]
    assert done == sorted(done) and totals == sorted(totals, reverse=True) and done[-1] == totals[-1]
    shown = [p for p in heard if p.slice_index is not None]
    assert shown and len(shown) < done[-1]  # slices across are counted, too
    for progress in shown:
        assert progress.slice_labels is not None
        assert progress.slice_labels.shape == image.take(0, main).shape
    assert result.probability is not None
    assert (result.probability[result.labels != 0] >= 0.5).all() and (result.probability[painted != 0] == 1).all()


def test_labels_of_one_axis_come_out_as_alone(new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = ball
    far = np.zeros_like(mask)
    far[9:18, 1:4, 20:27] = True
    one = drawn(mask, (0, 6), (0, 16), (2, 13))
    for planes in ([(0, 10), (0, 16)], [(2, 21), (2, 25)]):
        two = drawn(far & ~mask, *planes, label=2)
        axis = planes[0][0]
        together = new_engine().propagate(image, np.maximum(one, two), outputs=BARE).labels
        alone = new_engine().propagate(image, two, axis=axis, outputs=BARE).labels
        first = new_engine().propagate(image, one, outputs=BARE).labels
        free = (first != 1) & (alone != 2)
        assert not together[free].any()
        np.testing.assert_array_equal(together[~mask & (first != 1)] == 2, alone[~mask & (first != 1)] == 2)


def test_an_empty_slice_of_another_axis_ends_a_structure(
    new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]
) -> None:
    image, mask = ball
    painted = drawn(mask, (0, 8), (0, 14))
    without = new_engine().propagate(image, painted, outputs=BARE).labels
    assert without[:, 18].any()
    painted[:, 18:] = 0
    result = new_engine().propagate(image, painted, painted_slices=[(1, 18)], outputs=BARE)
    assert not result.labels[:, 18].any() and result.labels[11, 10:17].any()
    assert result.report["painted_planes"] == {"1": {"k": [8, 14], "j": [18]}}


def test_planes_that_do_not_fit_are_named(new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = ball
    painted = drawn(mask, (0, 6), (0, 11), (0, 16))
    wrong = np.roll(mask, 5, 1)
    painted[:, :, 13] = np.where(painted[:, :, 13] != 0, 1, wrong[:, :, 13])
    warnings = new_engine().propagate(image, painted, outputs=BARE).report["warnings"]
    assert any("i=13" in text and "does not fit" in text for text in warnings)


def test_layers_have_planes_of_their_own(new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = ball
    core = np.roll(mask, 2, 1) & np.roll(mask, -3, 2)
    layers = np.stack([drawn(mask, (0, 6), (0, 16), (2, 13)), drawn(core, (0, 8), (0, 14), label=2)])
    heard: list[Progress] = []
    result = new_engine().propagate(image, layers, progress=heard.append, outputs=BARE)
    np.testing.assert_array_equal(result.labels[0], new_engine().propagate(image, layers[0], outputs=BARE).labels)
    np.testing.assert_array_equal(result.labels[1], new_engine().propagate(image, layers[1], outputs=BARE).labels)
    assert result.report["painted_planes"] == {"1": {"k": [6, 16], "i": [13]}, "2": {"k": [8, 14]}}
    assert {p.layer for p in heard} == {0, 1} and heard[-1].done == heard[-1].total


@pytest.mark.parametrize("extent", ["painted", (4, 18)])
def test_extent_and_region_confine_all_axes(
    new_engine: Engines, ball: tuple[np.ndarray, np.ndarray], extent: str | tuple[int, int]
) -> None:
    image, mask = ball
    painted = drawn(mask, (0, 6), (0, 16), (2, 13))
    region = ((0, 20), (10, 20), (5, 25))
    result = new_engine().propagate(image, painted, extent=extent, region=region, outputs=BARE)
    beyond = painted == 0
    first, last = (6, 16) if extent == "painted" else extent
    beyond[first : last + 1, 10:21, 5:26] = False
    assert not result.labels[beyond].any() and result.labels[9, 12:17, 8:12].any()


def test_ignored_planes_teach_nothing(new_engine: Engines, ball: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = ball
    painted = drawn(mask, (0, 6), (0, 16), (2, 13))
    result = new_engine().propagate(image, painted, ignore_slices=[(2, 13)], outputs=BARE)
    assert result.report["painted_planes"] == {"1": {"k": [6, 16]}}
    np.testing.assert_array_equal(result.labels[painted != 0], 1)
    with pytest.raises(InputError, match="leave at least one"):
        new_engine().propagate(image, painted, ignore_slices=[(0, 6), (0, 16), (2, 13)], outputs=BARE)
    with pytest.raises(InputError, match="i=13 is declared painted and to be ignored"):
        new_engine().propagate(image, painted, ignore_slices=[(2, 13)], painted_slices=[(2, 13)], outputs=BARE)
