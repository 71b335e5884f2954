"""In-context segmentation of 2D images: shapes, errors, and a context that is encoded once."""

import numpy as np
import pytest
import torch

from PatchICLLib import InContextSegmenter
from PatchICLLib.errors import InputError


def disc(shape: tuple[int, int], row: float, column: float, radius: float, seed: int = 0):
    """A noisy image of a bright disc (units of the shorter side) and its mask."""
    rows, columns = np.indices(shape)
    side = min(shape)
    mask = np.hypot(rows - row * shape[0], columns - column * shape[1]) < radius * side
    noise = np.random.default_rng(seed).normal(0, 8, shape)
    return (50 + 120 * mask + noise).astype(np.float32), mask


@pytest.fixture(scope="module")
def segmenter() -> InContextSegmenter:
    return InContextSegmenter.from_pretrained(device="cpu")


def set_discs(segmenter: InContextSegmenter, shape: tuple[int, int]) -> None:
    images, masks = zip(*(disc(shape, 0.5, 0.45 + 0.05 * i, 0.2 + 0.03 * i, i) for i in range(3)), strict=True)
    segmenter.set_context(np.stack(images), np.stack(masks))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("shape", [(128, 128), (97, 131), (300, 41), (33, 200), (7, 5)])
def test_every_shape_comes_back_as_it_was(segmenter, shape):
    set_discs(segmenter, (96, 80))
    found = segmenter.segment(disc(shape, 0.5, 0.5, 0.25)[0])
    assert found.mask.shape == found.probability.shape == found.entropy.shape == shape
    assert (found.mask.dtype, found.probability.dtype, found.entropy.dtype) == (bool, np.float32, np.float32)
    np.testing.assert_array_equal(found.mask, found.probability > 0.5)
    p = np.clip(found.probability.astype(np.float64), 1e-12, 1 - 1e-12)
    np.testing.assert_allclose(found.entropy, -p * np.log2(p) - (1 - p) * np.log2(1 - p), atol=2e-3)
    assert [level.resolution for level in found.levels][0] == 32


@pytest.mark.parametrize("shape", [(120, 120), (90, 141)])
def test_finds_the_disc_that_the_context_shows(segmenter, shape):
    set_discs(segmenter, shape)
    image, mask = disc(shape, 0.45, 0.55, 0.22, 9)
    assert dice(segmenter.segment(image).mask, mask) > 0.8


@pytest.mark.parametrize(("row", "column"), [(0.25, 0.75), (0.7, 0.3)])
def test_finds_it_elsewhere_too(segmenter, row, column):
    """Where nothing is at the context's place, and what surrounds the structure is where the structure is."""
    places = [(0.3, 0.3), (0.35, 0.25), (0.25, 0.3)]
    images, masks = zip(*(disc((128, 128), *place, 0.12, seed) for seed, place in enumerate(places)), strict=True)
    segmenter.set_context(images, masks)
    image, mask = disc((128, 128), row, column, 0.12, 9)
    assert dice(segmenter.segment(image).mask, mask) > 0.8


@pytest.mark.parametrize("places", [[(0.3, 0.3)] * 3, [(0.3, 0.3), (0.32, 0.29), (0.3, 0.27)]])
def test_what_is_small_in_slices_of_a_scan_is_seen_large(segmenter, places):
    """A disc of 12 voxels across has 3 of the 128 pixels that the whole picture is seen with."""
    shape = (512, 512)
    body = 60 * np.sin(np.indices(shape).sum(0) / 50) * np.cos(np.indices(shape)[0] / 70)
    images, masks = zip(*(disc(shape, *place, 0.012, seed) for seed, place in enumerate(places)), strict=True)
    segmenter.set_context([image + body for image in images], masks)
    image, mask = disc(shape, 0.31, 0.29, 0.012, 9)
    assert dice(segmenter.segment(image + body).mask, mask) > 0.8


def slices_of_a_scan(count: int, shape: tuple[int, int] = (256, 256)) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and masks of a disc in a body that goes on from one to the next."""
    body = 20 * np.sin(np.indices(shape).sum(0) / 25) * np.cos(np.indices(shape)[0] / 35)
    discs = [disc(shape, 0.3, 0.3, 0.06, seed) for seed in range(count)]
    return [(image + body, mask) for image, mask in discs]


def test_what_else_is_bright_in_a_slice_of_the_scan_does_not_change_its_scale(segmenter):
    *context, (image, mask) = slices_of_a_scan(4)
    metal = image.copy()
    metal[92:98, 60:66] = 3000  # 3 % of what is seen
    segmenter.set_context(*zip(*context, strict=True))
    plain, beside = segmenter.segment(image), segmenter.segment(metal)
    assert dice(plain.mask, mask) > 0.9
    np.testing.assert_allclose(plain.probability[:85], beside.probability[:85], atol=0.15)


@pytest.mark.parametrize(("factor", "offset"), [(7, -1000), (0.02, 0)])
def test_a_slice_on_another_scale_is_seen_on_its_own(segmenter, factor, offset):
    """As of another scanner; nor need the context be on one scale."""
    (image, mask), *context = slices_of_a_scan(4)
    images, masks = zip(*context, strict=True)
    segmenter.set_context(images, masks)
    assert dice(segmenter.segment(factor * image + offset).mask, mask) > 0.9
    segmenter.set_context([images[0], images[1] * factor + offset, images[2]], masks)
    assert dice(segmenter.segment(image).mask, mask) > 0.9


@pytest.mark.parametrize(("side", "share"), [(64, 0.06), (160, 0.46)])
def test_pictures_of_few_pixels_are_shown_whole_and_others_around_the_masks(segmenter, monkeypatch, side, share):
    """A disc fills pi .14^2 of the picture, and pi / 4 / 1.3^2 of the region around it."""
    body = 20 * np.sin(np.indices((side, side)).sum(0) * 16 / side)
    images, masks = zip(*(disc((side, side), 0.35, 0.35, 0.14, seed) for seed in range(3)), strict=True)
    shown, encode = [], segmenter.pretrained.model.encode_context

    def watched(*given):
        shown.append(given[1].mean().item())
        return encode(*given)

    monkeypatch.setattr(segmenter.pretrained.model, "encode_context", watched)
    segmenter.set_context([image + body for image in images], masks)
    segmenter.segment(images[0] + body)
    assert shown == [pytest.approx(share, abs=0.03)]


@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (201, 199)])
@pytest.mark.parametrize("place", [(0.05, 0.05), (0.95, 0.5), (0.5, 0.97)])
def test_what_lies_at_the_border_is_found(segmenter, shape, place):
    body = 60 * np.sin(np.indices(shape).sum(0) / 50)
    images, masks = zip(*(disc(shape, *place, 0.1, seed) for seed in range(2)), strict=True)
    segmenter.set_context([image + body for image in images], masks)
    image, mask = disc(shape, *place, 0.11, 9)
    assert dice(segmenter.segment(image + body).mask, mask) > 0.8


def test_context_is_encoded_once(segmenter, monkeypatch):
    set_discs(segmenter, (64, 64))
    first = segmenter.segment(disc((64, 64), 0.5, 0.5, 0.2)[0])

    def again(*_):
        raise AssertionError("the context was encoded again")

    monkeypatch.setattr(segmenter.pretrained.model, "encode_context", again)
    second = segmenter.segment(disc((64, 64), 0.5, 0.5, 0.2)[0])
    np.testing.assert_array_equal(first.probability, second.probability)


def test_a_new_context_replaces_the_old(segmenter):
    image, mask = disc((96, 96), 0.5, 0.5, 0.25)
    set_discs(segmenter, (96, 96))
    bright = segmenter.segment(image).mask
    images, masks = zip(*(disc((96, 96), 0.5, 0.5, 0.2 + 0.03 * i, i) for i in range(3)), strict=True)
    segmenter.set_context(np.stack(images), ~np.stack(masks))
    dark = segmenter.segment(image).mask
    assert (bright & dark).mean() < 0.1
    assert dice(dark, ~mask) > 0.8


def test_brightness_and_contrast_do_not_matter(segmenter):
    set_discs(segmenter, (64, 64))
    image = disc((64, 64), 0.5, 0.5, 0.2)[0]
    plain, scaled = segmenter.segment(image).probability, segmenter.segment(image * 7 - 1000).probability
    np.testing.assert_allclose(plain, scaled, atol=0.02)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float64, bool])
def test_types_of_images(segmenter, kind):
    set_discs(segmenter, (48, 48))
    image, mask = disc((48, 48), 0.5, 0.5, 0.25)
    found = segmenter.segment(mask if kind is bool else image.astype(kind))
    assert found.mask.any()


def test_a_constant_image_gives_finite_numbers(segmenter):
    set_discs(segmenter, (48, 48))
    assert np.isfinite(segmenter.segment(np.full((48, 48), 7.0)).probability).all()


def test_without_context_it_says_what_to_do(segmenter):
    with pytest.raises(InputError, match="call set_context first"):
        InContextSegmenter(segmenter.pretrained, torch.device("cpu")).segment(np.zeros((8, 8)))


@pytest.mark.parametrize(
    "image", [np.zeros((3, 8, 8)), np.zeros(8), np.full((8, 8), np.nan), np.full((8, 8), np.inf), np.zeros((0, 4))]
)
def test_targets_that_are_no_images_are_refused(segmenter, image):
    set_discs(segmenter, (48, 48))
    with pytest.raises(InputError, match="must be a 2D image of finite numbers"):
        segmenter.segment(image)


@pytest.mark.parametrize(
    ("images", "masks", "sentence"),
    [
        (np.zeros((2, 8, 8)), np.ones((2, 8, 9)), r"not \(2, 8, 8\), \(2, 8, 9\)"),
        (np.zeros((8, 8)), np.ones((8, 8)), "must be .k, H, W."),
        (np.zeros((0, 8, 8)), np.ones((0, 8, 8)), "k at least 1"),
        (np.zeros((2, 0, 8)), np.ones((2, 0, 8)), "must be .k, H, W."),
        (np.zeros((2, 8, 8)), np.zeros((2, 8, 8)), "masks are empty"),
        (np.full((1, 8, 8), np.nan), np.ones((1, 8, 8)), "finite"),
        (np.ones((1, 8, 8)), np.where(np.eye(8) > 0, np.nan, 0.0)[None], "finite"),
    ],
)
def test_contexts_that_show_nothing_are_refused(segmenter, images, masks, sentence):
    with pytest.raises(InputError, match=sentence):
        segmenter.set_context(images, masks)


def test_unknown_weights_and_devices_are_refused():
    with pytest.raises(InputError, match="no weights"):
        InContextSegmenter.from_pretrained("nobody-1")
    with pytest.raises(InputError, match="device must be"):
        InContextSegmenter.from_pretrained(device="abacus")


def test_context_images_may_differ_in_size(segmenter):
    (small, small_mask), (large, large_mask) = disc((80, 96), 0.5, 0.5, 0.25, 1), disc((150, 120), 0.5, 0.5, 0.25, 2)
    segmenter.set_context([small, large], [small_mask, large_mask])
    image, mask = disc((100, 100), 0.45, 0.55, 0.22, 9)
    assert dice(segmenter.segment(image).mask, mask) > 0.8
    with pytest.raises(InputError, match=r"not \[\(80, 96\), \(150, 120\)\], \[\(80, 96\), \(150, 121\)\]"):
        segmenter.set_context([small, large], [small_mask, np.ones((150, 121))])
