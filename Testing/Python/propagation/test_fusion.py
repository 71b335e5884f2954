"""Runs of several axes fused: a part at a time is as good as all at once."""

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.hints.painted_runs import Guides, PaintedRuns
from PatchICLLib.propagation import Propagator, fusion, guidance


def scene() -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """A leaning ellipsoid in noise, painted on one slice of each axis."""
    k, j, i = np.ogrid[:24, :20, :22]
    mask = ((k - 11) / 8) ** 2 + ((j - 10) / 6) ** 2 + ((i - 9 - (k - 11) / 4) / 6) ** 2 < 1
    image = np.where(mask, 90.0, 20.0).astype(np.float32) + np.random.default_rng(5).normal(0, 4, mask.shape)
    planes = [(0, 11), (1, 10), (2, 9)]
    painted = np.zeros(mask.shape, np.uint8)
    for axis, index in planes:
        np.moveaxis(painted, axis, 0)[index] = mask.take(index, axis)
    return image, painted, planes


@pytest.mark.parametrize("voxels", [1, 700])
@pytest.mark.parametrize("flip", [False, True])
def test_in_parts_as_at_once(
    new_engine: Callable[[], Propagator], monkeypatch: pytest.MonkeyPatch, voxels: int, flip: bool
) -> None:
    engine = new_engine()
    image, painted, planes = scene()
    if flip:
        image, painted, planes = image[::-1], painted[::-1], [(0, 12), (1, 10), (2, 9)]
    results = []
    for count in (10**9, voxels):
        monkeypatch.setattr(fusion, "_CHUNK", count)
        results.append(engine.propagate(image, painted, (1.5, 1.0, 1.0), painted_slices=planes))
    assert results[0].labels.sum() > painted.sum()
    np.testing.assert_array_equal(results[0].labels, results[1].labels)
    np.testing.assert_array_equal(results[0].probability, results[1].probability)


def test_between_painted_slices_a_single_one_reaches_as_far_as_those_across_show_it(
    new_engine: Callable[[], Propagator],
) -> None:
    image, painted, planes = scene()
    result = new_engine().propagate(image, painted, extent="painted", painted_slices=planes)
    held = np.argwhere(painted)
    box = tuple(slice(int(first), int(last) + 1) for first, last in zip(held.min(0), held.max(0), strict=True))
    beyond = np.ones(painted.shape, bool)
    beyond[box] = False
    assert not result.labels[beyond].any()
    assert result.labels.sum() > 1.5 * painted.sum()


@pytest.mark.parametrize("labels", [[1], [1, 2]])
def test_what_is_not_given_of_labels_painted_across_the_main_axis_is_told(
    new_engine: Callable[[], Propagator], labels: list[int]
) -> None:
    image, painted, _ = scene()
    painted[:, :, 18] = np.where(painted[:, :, 9] > 0, 2, 0)
    painted[[7, 15]] = painted[11]
    declared = {1: [(0, 7), (0, 11), (0, 15), (1, 10), (2, 9)], 2: [(2, 18)]}
    result = new_engine().propagate(image, painted, labels=labels, painted_slices=declared)
    told = [text for text in result.report["warnings"] if "selections" in text]
    assert len(told) == (2 in labels) and all("(labels 2)" in text for text in told)
    without = new_engine().propagate(
        image, painted, labels=labels, painted_slices=declared, outputs=frozenset({"probability"})
    )
    assert not any("selections" in text for text in without.report["warnings"])


def test_it_is_looked_no_farther_than_slices_across_show_a_structure(
    new_engine: Callable[[], Propagator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a few slices more, on which it would be seen to go on; it does not, in any case."""
    image, painted, planes = (np.pad(scene()[0], 20, mode="edge"), np.pad(scene()[1], 20), scene()[2])
    seen: list[int] = []
    guides_on_runs = guidance.guides_on_runs

    def watched(runs: PaintedRuns, check: Callable[[], None]) -> Guides:
        seen.extend(runs.depth.tolist())
        return guides_on_runs(runs, check)

    monkeypatch.setattr(guidance, "guides_on_runs", watched)
    new_engine().propagate(image, painted, painted_slices=[(axis, index + 20) for axis, index in planes])
    held = np.argwhere(painted)
    ends = [(index + 20 - held[:, axis].min(), held[:, axis].max() - index - 20) for axis, index in planes]
    assert len(seen) == 6 and max(seen) <= max(map(max, ends)) + 5
