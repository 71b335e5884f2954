"""What was looked at, in voxels of the stored slices."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.selection import gumbel_top_k
from PatchICLLib.cascade.trace import LevelTrace
from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.result.propagation_result import PatchBox, SliceSelections
from PatchICLLib.propagation.result.selections import SeenContext, describe
from PatchICLLib.runtime.transfers import to_device
from Testing.Miniatures.device_purity import DevicePurity
from Testing.Miniatures.small_cascade import SMALL

from ..conftest import Scan

ORDER = (0, 2, 1)


@pytest.fixture(scope="module", params=["as it is", "stored otherwise"])
def found(
    request: pytest.FixtureRequest, new_engine: object, scan: Scan
) -> tuple[tuple[SliceSelections, ...], np.ndarray, tuple[float, float, float]]:
    """Selections for label 1 on slices 4 to 6, and the painting and spacing they belong to."""
    engine: Propagator = new_engine()  # type: ignore[operator]
    image, painted, spacing = scan.image, scan.painted, scan.spacing
    if request.param != "as it is":
        image, painted = (np.transpose(a, ORDER)[::-1, ::-1] for a in (image, painted))
        spacing = (2.5, 0.8, 1.0)
    extent = (4, 6) if request.param == "as it is" else (7, 9)
    result = engine.propagate(image, painted, spacing, labels=[1], extent=extent)
    assert result.selections is not None
    return result.selections, painted, spacing


def test_one_for_each_predicted_slice(found: tuple) -> None:
    selections, painted, _ = found
    expected = {4, 5, 6} if painted.shape[1] == 34 else {7, 8, 9}
    assert {s.slice_index for s in selections} == expected and {s.label for s in selections} == {1}


def test_boxes_lie_in_the_region_on_the_right_slices(found: tuple) -> None:
    selections, painted, spacing = found
    held = np.flatnonzero((painted == 1).any((1, 2))).tolist()
    region = Region.around((painted == 1).any(0), spacing[1:])
    first = [c - region.side / s / 2 for c, s in zip(region.centre, spacing[1:], strict=True)]
    last = [c + region.side / s / 2 for c, s in zip(region.centre, spacing[1:], strict=True)]
    for selection in selections:
        for number, level in enumerate(selection.levels):
            assert level.resolution == 32 * 2**number
            assert 0 < len(level.patches) <= SMALL.target_patches[number]
            assert 0 < level.coverage <= 1 and 0 <= level.mean_entropy <= 1
            assert len({p.corner for p in level.patches}) == len(level.patches)
            scores = [p.score for p in level.patches]
            assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
            assert {p.slice_index for p in level.patches} == {selection.slice_index}
            assert {p.slice_index for p in level.context_patches} == set(held)
            for box in (*level.patches, *level.context_patches):
                side = region.side * SMALL.patch_size / level.resolution
                assert box.size == pytest.approx([side / s for s in spacing[1:]])
                for a in (0, 1):
                    assert first[a] - 1e-6 <= box.corner[a] and box.corner[a] + box.size[a] <= last[a] + 1e-6


def test_the_finest_patches_follow_the_boundary(found: tuple) -> None:
    selections, painted, _ = found
    for selection in selections:
        for box in (b for b in selection.levels[-1].context_patches if b.score == 1):
            rows, columns = (
                slice(max(0, round(c + 0.5)), round(c + s + 0.5) + 1) for c, s in zip(box.corner, box.size, strict=True)
            )
            assert len(np.unique(painted[box.slice_index][rows, columns] == 1)) == 2


@settings(max_examples=12)
@given(
    images=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    sets=st.lists(st.integers(0, 2), min_size=1, max_size=5),
    axes=st.permutations(range(3)),
    mirrored=st.tuples(*[st.booleans()] * 3),
    seed=st.integers(0, 999),
)
def test_every_patch_of_a_ragged_batch(
    images: list[int], sets: list[int], axes: list[int], mirrored: tuple[bool, bool, bool], seed: int
) -> None:
    """Targets of several contexts, of different numbers of images, each patch against what it is; one look each."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    orientation = Orientation((axes[0], axes[1], axes[2]), mirrored, (20, 30, 40))
    sets = [number % len(images) for number in sets]
    contexts = [
        SeenContext(
            label=number + 1,
            slices=tuple(sorted(rng.choice(20, count, replace=False).tolist())),
            region=Region((rng.uniform(5, 15), rng.uniform(5, 15)), rng.uniform(4, 20), (1.0, 0.5)),
        )
        for number, count in enumerate(images)
    ]
    slices = rng.choice(20, len(sets), replace=False).tolist()

    def level(grid: PatchGrid, patches: int) -> LevelTrace:
        weights = torch.rand(len(sets), grid.count, generator=generator)
        chosen = gumbel_top_k(weights, patches, generator=generator, minimum=0.5)
        shown = torch.rand(len(sets), 1, grid.size, grid.size, generator=generator)
        looked = torch.rand(len(images), max(images), grid.count, generator=generator).argsort(-1)[..., :2]
        return LevelTrace(grid.size, grid, weights, chosen, shown, shown, shown, looked)

    levels = [level(PatchGrid(16, 4, 4), 5), level(PatchGrid(32, 8, 4), 3)]
    with DevicePurity(single=True) as purity:
        traces = [moved(trace, purity.device) for trace in levels]
        found = describe(traces, contexts, sets, slices, orientation)
    assert purity.moved["to_host"] == 1
    assert [(one.slice_index, one.label) for one in found] == [
        (orientation.slice_index(z), number + 1) for z, number in zip(slices, sets, strict=True)
    ]
    for sample, one in enumerate(found):
        context = contexts[sets[sample]]
        held = [trace for trace in levels if trace.selection.valid[sample].any()]
        for trace, told in zip(held, one.levels, strict=True):
            valid = trace.selection.valid[sample]
            numbers, weights = (x[sample][valid].tolist() for x in (trace.selection.indices, trace.selection.weights))
            looked = trace.context[sets[sample]]
            wanted = [(slices[sample], n, w) for n, w in zip(numbers, weights, strict=True)]
            assert list(told.patches) == [expected(trace.grid, context.region, orientation, *one) for one in wanted]
            wanted = [
                (z, n, s)
                for z, row in zip(context.slices, looked.tolist(), strict=False)
                for n, s in zip(row, (1.0, 0.5), strict=True)
            ]
            assert list(told.context_patches) == [
                expected(trace.grid, context.region, orientation, *one) for one in wanted
            ]
            assert told.resolution == trace.resolution
            assert told.coverage == pytest.approx(float(trace.coverage[sample].mean()))
            assert told.mean_entropy == pytest.approx(float(trace.weights[sample].mean()))


def expected(
    grid: PatchGrid, region: Region, orientation: Orientation, index: int, number: int, score: float
) -> PatchBox:
    pixel = [region.side / spacing / grid.size for spacing in region.spacing]
    first = [centre - region.side / spacing / 2 for centre, spacing in zip(region.centre, region.spacing, strict=True)]
    at = number // grid.side * grid.stride, number % grid.side * grid.stride
    corner = (first[0] + at[0] * pixel[0], first[1] + at[1] * pixel[1])
    size = (grid.patch * pixel[0], grid.patch * pixel[1])
    return PatchBox(orientation.slice_index(index), *orientation.box(corner, size), score)


def moved(trace: LevelTrace, device: torch.device) -> LevelTrace:
    chosen = trace.selection
    selection = replace(
        chosen, **{name: to_device(getattr(chosen, name), device) for name in ("indices", "weights", "valid")}
    )
    names = ("weights", "coverage", "before", "after", "context")
    return replace(trace, selection=selection, **{name: to_device(getattr(trace, name), device) for name in names})


def test_json_round_trip(found: tuple) -> None:
    for selection in found[0]:
        text = json.dumps(selection.to_json(), allow_nan=False)
        back = SliceSelections.from_json(json.loads(text))
        assert json.dumps(back.to_json()) == text
        assert (back.slice_index, back.label) == (selection.slice_index, selection.label)
        for one, other in zip(back.levels, selection.levels, strict=True):
            assert one.resolution == other.resolution
            for a, b in zip(one.patches + one.context_patches, other.patches + other.context_patches, strict=True):
                assert isinstance(a, PatchBox) and a.slice_index == b.slice_index
                assert (*a.corner, *a.size) == pytest.approx((*b.corner, *b.size), abs=6e-4)
                assert a.score == pytest.approx(b.score, abs=5e-6)
