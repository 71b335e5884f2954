import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.evaluation.metrics import dice, slice_scores, surface_scores

EVERYWHERE = np.ones(12, bool)


def box(first: tuple[int, int, int], last: tuple[int, int, int], shape: tuple[int, ...] = (12, 20, 20)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))] = True
    return mask


def brute_force_surfaces(
    reference: np.ndarray, prediction: np.ndarray, judged: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of judged surface voxels to the other surface, pair by pair."""

    def surface(mask: np.ndarray) -> np.ndarray:
        padded = np.pad(mask, 1)
        points = []
        for voxel in np.argwhere(mask):
            around = [padded[tuple(voxel + 1 + step * sign)] for step in np.eye(3, dtype=int) for sign in (-1, 1)]
            if not all(around):
                points.append(voxel)
        return np.array(points)

    one, other = surface(reference), surface(prediction)
    gaps = np.linalg.norm((one[:, None] - other[None]) * np.asarray(spacing), axis=2)
    return gaps.min(axis=1)[judged[one[:, 0]]], gaps.min(axis=0)[judged[other[:, 0]]]


def test_dice_of_half_overlapping_boxes() -> None:
    reference, prediction = box((2, 2, 2), (9, 9, 9)), box((2, 6, 2), (9, 13, 9))
    assert dice(reference, prediction, EVERYWHERE) == pytest.approx(0.5)


def test_dice_counts_judged_slices_only() -> None:
    reference, prediction = box((2, 2, 2), (9, 9, 9)), box((2, 2, 2), (5, 9, 9))
    judged = np.arange(12) < 6
    assert dice(reference, prediction, judged) == 1.0
    assert dice(reference, prediction, ~judged) == 0.0
    assert dice(reference, prediction, EVERYWHERE) == pytest.approx(2 * 4 / 12)


def test_no_edit_share_counts_the_structure_and_false_slices_beyond_it() -> None:
    reference = box((2, 0, 0), (6, 9, 9))
    prediction = reference.copy()
    prediction[3, 9] = False  # Dice 180/190: good enough
    prediction[4, 4:] = False  # Dice 80/140: not
    prediction[5] = False  # missed
    prediction[8, 0, 0] = True  # beyond the end
    scores = slice_scores(reference, prediction, EVERYWHERE)
    assert scores.indices.tolist() == [2, 3, 4, 5, 6, 8]
    np.testing.assert_allclose(scores.dice, [1, 180 / 190, 80 / 140, 0, 1, 0])
    assert scores.no_edit_share == pytest.approx(3 / 6)


def test_a_correctly_empty_slice_counts_inside_the_structure_only() -> None:
    reference = box((2, 0, 0), (6, 9, 9))
    reference[4] = False
    scores = slice_scores(reference, reference, EVERYWHERE)
    assert scores.indices.tolist() == [2, 3, 4, 5, 6]
    assert scores.no_edit_share == 1.0


def test_painted_slices_do_not_count() -> None:
    reference = box((2, 0, 0), (6, 9, 9))
    judged = EVERYWHERE.copy()
    judged[[2, 6]] = False
    assert slice_scores(reference, reference, judged).indices.tolist() == [3, 4, 5]


def test_hausdorff_of_shifted_boxes_is_the_shift_in_millimetres() -> None:
    reference, prediction = box((2, 2, 2), (9, 9, 9)), box((2, 2, 6), (9, 9, 13))
    scores = surface_scores(reference, prediction, EVERYWHERE, (1.0, 1.0, 0.5))
    assert scores.hausdorff95 == pytest.approx(2.0)
    assert scores.surface_dice == 1.0  # all within 2 mm
    strict = surface_scores(reference, prediction, EVERYWHERE, (1.0, 1.0, 0.5), tolerance=1.9)
    assert strict.surface_dice < 1.0


def test_an_empty_prediction_scores_the_diagonal() -> None:
    reference = box((0, 0, 0), (2, 3, 11))
    scores = surface_scores(reference, np.zeros_like(reference), EVERYWHERE, (1.0, 1.0, 1.0))
    assert scores.surface_dice == 0.0
    assert scores.hausdorff95 == pytest.approx(13.0)  # 3, 4, 12


def test_two_empty_masks_agree() -> None:
    empty = np.zeros((12, 4, 4), bool)
    scores = surface_scores(empty, empty, EVERYWHERE, (1.0, 1.0, 1.0))
    assert (scores.surface_dice, scores.hausdorff95) == (1.0, 0.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_surface_scores_agree_with_brute_force(seed: int, all_judged: bool) -> None:
    random = np.random.default_rng(seed)
    masks = [ndimage.gaussian_filter(random.normal(size=(7, 9, 8)), 1.0) > 0.05 for _ in range(2)]
    judged = np.ones(7, bool) if all_judged else random.random(7) > 0.4
    spacing = (2.5, 0.8, 1.1)
    if not masks[0].any() or not masks[1].any():
        return
    forth, back = brute_force_surfaces(*masks, judged, spacing)
    if len(forth) == 0 or len(back) == 0:
        return
    scores = surface_scores(*masks, judged, spacing)
    both = np.concatenate([forth, back])
    assert scores.surface_dice == pytest.approx(np.mean(both <= 2.0))
    assert scores.hausdorff95 == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))


def test_surface_scores_agree_with_monai_when_all_slices_are_judged() -> None:
    metrics = pytest.importorskip("monai.metrics")
    random = np.random.default_rng(4)
    masks = []
    for _ in range(2):
        mask = np.zeros((16, 24, 24), bool)
        mask[3:13, 4:20, 4:20] = ndimage.gaussian_filter(random.normal(size=(10, 16, 16)), 2.0) > 0
        masks.append(mask)
    spacing = (2.5, 0.8, 1.1)
    tensors = [torch.from_numpy(mask)[None, None].float() for mask in masks]
    surface = metrics.compute_surface_dice(
        tensors[1], tensors[0], class_thresholds=[2.0], include_background=True, spacing=spacing
    )
    distance = metrics.compute_hausdorff_distance(
        tensors[1], tensors[0], include_background=True, percentile=95, spacing=spacing
    )
    scores = surface_scores(*masks, np.ones(16, bool), spacing)
    assert scores.surface_dice == pytest.approx(float(surface), abs=1e-5)
    assert scores.hausdorff95 == pytest.approx(float(distance), abs=1e-4)
