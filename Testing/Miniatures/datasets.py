"""Miniature data sets in exactly the official layouts."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

META = "image_id;age;gender;institute;study_type;split;manufacturer;scanner_model;kvp;pathology;pathology_location"


def write_volume(path: Path, array: np.ndarray, spacing_kji: tuple[float, float, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_kji[::-1])
    sitk.WriteImage(image, str(path))


def box(shape: tuple[int, int, int], rows: slice, columns: slice, slices: slice = slice(5, 10)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[slices, rows, columns] = 1
    return mask


def write_totalsegmentator(folder: Path, image_name: str = "ct.nii.gz", spacing=(1.5, 1.5, 1.5)) -> Path:
    """Three cases: s0001 and s0002 for validation, s0003 for training. Boxes of 5 x 8 x 8 voxels.

    The liver of s0002 lies 4 rows further than that of s0001; the sacrum is the same; the prostate is too small; the
    aorta belongs to the training classes; the sternum is empty, as structures out of the field of view are.
    """
    shape = (16, 24, 20)
    for number, (case, shift) in enumerate((("s0001", 0), ("s0002", 4), ("s0003", 0))):
        masks = {
            "liver": box(shape, slice(4 + shift, 12 + shift), slice(4, 12)),
            "sacrum": box(shape, slice(10, 18), slice(11, 19)),
            "prostate": box(shape, slice(2, 4), slice(2, 4)),
            "aorta": box(shape, slice(4, 12), slice(8, 16)),
            "sternum": np.zeros(shape, np.uint8),
        }
        noise = np.random.default_rng(number).normal(0, 10, shape)
        write_volume(folder / case / image_name, (100 * masks["liver"] + noise).astype(np.int16), spacing)
        for name, mask in masks.items():
            write_volume(folder / case / "segmentations" / f"{name}.nii.gz", mask, spacing)
    rows = [
        f"{case};50;m;A;ct thorax;{split};siemens;x;120;;"
        for case, split in (("s0001", "val"), ("s0002", "val"), ("s0003", "train"), ("s0004", "val"))
    ]
    (folder / "meta.csv").write_text("\ufeff" + "\n".join([META, *rows]) + "\n", encoding="utf-8")
    return folder


def write_medsegbench(folder: Path) -> Path:
    """`promise12` (binary, grey) and `wbc` (two classes, colour), each with its three splits.

    Validation masks of promise12: rows 0-63 in the first image, 32-95 in the two others. Of wbc: class 1 in both
    images at the same place, class 2 in the first image only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    content = {}
    for split, count in (("train", 4), ("val", 3), ("test", 1)):
        labels = np.zeros((count, 128, 128), np.uint8)
        labels[:, 32:96] = 1
        if split == "val":
            labels[0] = 0
            labels[0, :64] = 1
        content[f"{split}_images"] = rng.integers(0, 256, (count, 128, 128), dtype=np.uint8)
        content[f"{split}_label"] = labels
    np.savez_compressed(folder / "promise12_128.npz", **content)
    content = {}
    for split in ("train", "val", "test"):
        labels = np.zeros((2, 128, 128), np.uint8)
        labels[:, 10:50, 10:50] = 1
        labels[0, 60:90, 60:90] = 2
        content[f"{split}_images"] = rng.integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
        content[f"{split}_label"] = labels
        content[f"{split}_images_C1"], content[f"{split}_label_C1"] = content[f"{split}_images"], labels
    np.savez_compressed(folder / "wbc_128.npz", **content)
    return folder


def write_pictures(folder: Path) -> Path:
    """`discs`: two subjects with two pictures of different sizes each; `nuclei`: instances; `notes`: no picture."""
    for name in ("discs", "nuclei", "notes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "notes" / "readme.txt").write_text("nothing")
    for number, (case, side) in enumerate((("p1_1", 40), ("p1_2", 60), ("p2_1", 40), ("p2_2", 48))):
        label = np.zeros((side, side), np.uint8)
        label[side // 4 : side // 2, side // 4 : side // 2] = 1
        label[:3, :3] = 2  # 9 pixels: too small to take part
        image = np.random.default_rng(number).integers(0, 100, label.shape).astype(np.uint8) + 100 * (label == 1)
        sitk.WriteImage(sitk.GetImageFromArray(image.astype(np.uint8)), str(folder / "discs" / f"{case}_image.png"))
        sitk.WriteImage(sitk.GetImageFromArray(label), str(folder / "discs" / f"{case}_label.png"))
    for case in ("0a", "1b", "2c"):
        label = np.zeros((40, 50), np.uint16)
        label[5:15, 5:15], label[20:30, 30:40] = 7, 300
        colour = np.repeat((label > 0)[..., None] * 200, 3, -1).astype(np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(folder / "nuclei" / f"{case}_image.png"))
        sitk.WriteImage(sitk.GetImageFromArray(label), str(folder / "nuclei" / f"{case}_label.png"))
    return folder
