"""`patchicl segment` around the segmenter: examples, labels, slices, sizes, and bad input."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.command_line.context_pairs import read_context, split_pair
from PatchICLLib.errors import InputError

from .conftest import run
from .conftest import save_plain as save

SIZE = (12, 16)


class SimpleSegmenter:
    """Takes the brightness of the labelled pixels of its context for the structure's."""

    def from_pretrained(self, **model: object) -> SimpleSegmenter:
        self.model = model
        return self

    def set_context(self, images: np.ndarray, masks: np.ndarray) -> None:
        assert images.shape == masks.shape and masks.dtype == bool
        self.images = images
        self.brightness = float(images[masks].mean())

    def segment(self, image: np.ndarray) -> SimpleNamespace:
        probability = np.exp(-np.abs(image - self.brightness) / 20).astype(np.float32)
        return SimpleNamespace(mask=probability > 0.5, probability=probability, entropy=1 - probability, levels=())


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch) -> SimpleSegmenter:
    double = SimpleSegmenter()
    monkeypatch.setattr("PatchICLLib.command_line.segment_files.InContextSegmenter", double)
    return double


@pytest.fixture
def example(tmp_path: Path) -> str:
    """An image with a grey and a bright half, labelled 1 and 2."""
    image = np.full(SIZE, 5, np.uint8)
    image[2:10, 2:8], image[2:10, 8:14] = 100, 200
    mask = np.zeros(SIZE, np.uint8)
    mask[2:10, 2:8], mask[2:10, 8:14] = 1, 2
    return f"{save(image, tmp_path / 'a.png')}:{save(mask, tmp_path / 'a_mask.png')}"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    image = np.full(SIZE, 5, np.uint8)
    image[0:4], image[8:12] = 200, 100
    return save(image, tmp_path / "target.png")


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_all_labels_of_a_picture(tmp_path: Path, segmenter, example: str, target: Path) -> None:
    arguments = ["segment", str(target), str(tmp_path / "out.png"), "--context", example, "--context", example]
    extras = ["--probability", str(tmp_path / "p.tif"), "--entropy", str(tmp_path / "e.nii.gz")]
    assert run(*arguments, *extras, "--weights", "some", "--device", "cpu") == 0
    assert segmenter.model == {"weights": "some", "device": "cpu"}
    assert segmenter.images.shape == (2, *SIZE)
    expected = np.zeros(SIZE, np.uint8)
    expected[0:4], expected[8:12] = 2, 1
    np.testing.assert_array_equal(read(tmp_path / "out.png"), expected)
    np.testing.assert_allclose(read(tmp_path / "p.tif")[expected > 0], 1.0, atol=1e-6)
    np.testing.assert_allclose(read(tmp_path / "e.nii.gz") + read(tmp_path / "p.tif"), 1.0, atol=1e-6)


def test_one_label(tmp_path: Path, segmenter, example: str, target: Path) -> None:
    assert run("segment", target, tmp_path / "out.png", "--context", example, "--labels", "2") == 0
    assert set(np.unique(read(tmp_path / "out.png"))) == {0, 2}


def test_volume_slice_by_slice_keeps_its_geometry(tmp_path: Path, segmenter, example: str) -> None:
    array = np.full((3, *SIZE), 5, np.int16)
    array[1, 3:6, 3:6] = 100
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.5, 4.0))
    image.SetOrigin((3.0, -2.0, 8.0))
    sitk.WriteImage(image, str(tmp_path / "scan.nrrd"))
    assert run("segment", tmp_path / "scan.nrrd", tmp_path / "out.nrrd", "--context", example) == 0
    out = sitk.ReadImage(str(tmp_path / "out.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(out), (array == 100).astype(int))
    assert out.GetSpacing() == image.GetSpacing() and out.GetOrigin() == image.GetOrigin()


def test_names_with_colons(tmp_path: Path) -> None:
    image, mask = tmp_path / "10:30 scan.png", tmp_path / "10:30 mask.png"
    for path in (image, mask):
        path.touch()
    pair = split_pair(f"{image}:{mask}")
    assert (pair.image, pair.mask) == (image, mask)


@pytest.mark.parametrize("text", ["a.png", "a.png:", ":a.png", ""])
def test_no_pair(text: str) -> None:
    with pytest.raises(InputError, match="must be IMAGE:MASK"):
        split_pair(text)


def arrays_of(pairs):
    context = read_context(pairs)
    return context.images, context.masks


def test_examples_of_other_sizes_keep_their_proportions(tmp_path: Path) -> None:
    """A small wide example and a large high one are fitted into the same square."""
    small, large = np.tile(np.arange(32, dtype=np.float32) * 4, (16, 1)), np.ones((64, 40), np.float32)
    large[3, 3] = 2.0
    small_mask, large_mask = np.zeros((16, 32), np.uint8), np.zeros((64, 40), np.uint8)
    small_mask[4:12, 8:24] = 7
    large_mask[:, 10:30] = 9
    pairs = [
        split_pair(f"{save(image, tmp_path / f'{name}.tif')}:{save(mask, tmp_path / f'{name}_mask.tif')}")
        for name, image, mask in (("small", small, small_mask), ("large", large, large_mask))
    ]
    images, masks = arrays_of(pairs)
    assert images.shape == masks.shape == (2, 64, 64)
    expected = np.zeros((64, 64))
    expected[24:40, 16:48] = 7
    np.testing.assert_array_equal(masks[0], expected)
    ramp = ((np.arange(64) + 0.5) / 2 - 0.5) * 4
    np.testing.assert_allclose(images[0][20:44, 2:-2], np.tile(ramp, (24, 1))[:, 2:-2], atol=1e-3)
    np.testing.assert_array_equal(images[0][:15], 0)
    np.testing.assert_array_equal(masks[1][:, 12:52], large_mask)
    np.testing.assert_array_equal(images[1][:, 12:52], large)


def test_examples_of_one_size_are_not_resampled(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    image, mask = rng.normal(size=(9, 14)).astype(np.float32), rng.integers(0, 3, (9, 14)).astype(np.uint8)
    pair = split_pair(f"{save(image, tmp_path / 'a.tif')}:{save(mask, tmp_path / 'm.tif')}")
    images, masks = arrays_of([pair, pair])
    np.testing.assert_array_equal(images, [image, image])
    np.testing.assert_array_equal(masks, [mask, mask])


def test_volume_as_example_counts_with_its_labelled_slices(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=(5, *SIZE)).astype(np.float32)
    mask = np.zeros((5, *SIZE), np.uint8)
    mask[1, 2, 3] = mask[4, 5, 6] = 1
    pair = split_pair(f"{save(image, tmp_path / 'v.nrrd')}:{save(mask, tmp_path / 'm.nrrd')}")
    images, masks = arrays_of([pair])
    np.testing.assert_array_equal(images, image[[1, 4]])
    np.testing.assert_array_equal(masks, mask[[1, 4]])


def test_bad_input(tmp_path: Path, segmenter, example: str, target: Path, refused: Callable[..., str]) -> None:
    out = tmp_path / "out.png"
    empty = save(np.zeros(SIZE, np.uint8), tmp_path / "empty.png")
    small = save(np.ones((3, 4), np.uint8), tmp_path / "small.png")
    colour = save(np.zeros((*SIZE, 3), np.uint8), tmp_path / "colour.png", is_vector=True)
    image = example.rpartition(":")[0]
    for arguments, expected in (
        ([tmp_path / "no.png", out, "--context", example], "no.png does not exist"),
        ([colour, out, "--context", example], "3 components"),
        ([target, out, "--context", "nothing"], "must be IMAGE:MASK"),
        ([target, out, "--context", f"{image}:{tmp_path / 'no.png'}"], "no.png does not exist"),
        ([target, out, "--context", f"{image}:{tmp_path / ('n' * 300)}"], "nnn does not exist"),
        ([target, out, "--context", f"{image}:{empty}"], "is empty"),
        ([target, out, "--context", f"{image}:{small}"], "size 16 x 12 and 4 x 3"),
        ([target, out, "--context", example, "--labels", "9"], "no label 9; they have 1, 2"),
        ([target, target, "--context", example], "same file"),
        ([target, Path(image), "--context", example], "same file"),
        ([target, tmp_path / "out.jpg", "--context", example], "unknown ending"),
        ([target, out, "--context", example, "--entropy", tmp_path / "e.png"], "unknown ending"),
        ([target, tmp_path / "no" / "out.png", "--context", example], "create it first"),
    ):
        assert expected in refused("segment", *arguments)
    assert "out.png" not in os.listdir(tmp_path)


def ramp(folder: Path) -> Path:
    return save(np.arange(60 * 64, dtype=np.uint16).reshape(60, 64), folder / "image.png")


def grey_mask(count: int) -> np.ndarray:
    """A disc with an edge of ``count`` grey levels."""
    rows, columns = np.meshgrid(np.arange(60) - 30, np.arange(64) - 32, indexing="ij")
    steps = ((20 - np.hypot(rows, columns)) / 3 + 0.5).clip(0, 1)
    return (np.round(steps * count) / count * 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["mask.png", "mask.jpg"])
def test_grey_levels_are_no_labels(tmp_path: Path, segmenter: SimpleSegmenter, refused: Callable, name: str) -> None:
    image = ramp(tmp_path)
    mask = save(grey_mask(60 if name == "mask.png" else 1), tmp_path / name)  # JPEG makes grey levels of two values
    error = refused("segment", image, tmp_path / "out.png", "--context", f"{image}:{mask}")
    assert "look like grey levels, not labels" in error and "save it as PNG or TIFF" in error


def test_many_labels_are_asked_about(tmp_path: Path, segmenter: SimpleSegmenter, refused: Callable) -> None:
    image = ramp(tmp_path)
    many = np.kron(np.arange(1, 71, dtype=np.uint8).reshape(7, 10), np.ones((4, 4), np.uint8))
    mask = save(np.pad(many, ((0, 32), (0, 24))), tmp_path / "mask.png")
    error = refused("segment", image, tmp_path / "out.png", "--context", f"{image}:{mask}")
    assert "70 labels to segment" in error and "or write --labels all" in error
    command = ["segment", str(image), str(tmp_path / "out.png"), "--context", f"{image}:{mask}", "--quiet"]
    assert run(*command, "--labels", "all") == 0
