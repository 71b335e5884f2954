"""Makes the embedded sample: a slab of the Colin27 T1 MRI and a reference segmentation of four structures.

The image comes from MRIcron's templates (Debian package mricron-data 1.2.20211006), not from a download of its own:

    apt-get download mricron-data && dpkg-deb -x mricron-data_*.deb mricron-data
    python Resources/SampleData/make_sample.py mricron-data/usr/share/mricron/templates/ch2.nii.gz

The reference is drawn by a random walker (Grady 2006, scikit-image) from seeds placed by hand in MNI millimetres, so
that its borders are the edges of the image; it was then checked slice by slice on the image. No atlas's labels are
used. Needs the packages of `make setup`; takes a few minutes at most.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from skimage.segmentation import random_walker

LABELS = (
    (1, "Lateral ventricles", (77, 184, 255)),
    (2, "Caudate nuclei", (255, 176, 0)),
    (3, "Putamina", (255, 94, 94)),
    (4, "Thalami", (91, 224, 122)),
)
VENTRICLES, CAUDATE, PUTAMEN, THALAMUS, OTHER = 1, 2, 3, 4, 5

# MNI millimetres (x to the right, y to the front, z up), first and last voxel.
SLAB = ((-74, 74), (-108, 76), (-18, 44))  # what ships
BOX = ((-45, 45), (-60, 44), (-18, 40))  # what the random walker sees

# Balls (|x|, y, z, radius), so each stands for both hemispheres.
BALLS = {
    CAUDATE: (
        (11, 14, -4, 2.5), (11, 14, 0, 3), (12, 13, 4, 3), (13, 11, 8, 3),
        (14.5, 6, 12, 2.2), (15.5, 3, 16, 1.6), (17.5, -2, 20, 1),
    ),
    PUTAMEN: (
        (24, 8, -4, 3.5), (29, -5, -4, 1.5), (26, 4, 0, 4), (28, -4, 0, 3), (26, 4, 4, 4),
        (29, -7, 4, 2), (26, 3, 8, 3), (28.5, -6, 8, 1.5), (27, 0, 12, 1.5),
    ),
    THALAMUS: ((8, -16, 2, 3), (10, -18, 4, 5), (11, -18, 8, 6), (16, -25, 6, 3), (10, -17, 12, 4.5), (9, -12, 15, 2)),
    OTHER: (
        (19, -4, 0, 2.5), (17, 0, -3, 2), (21, -7, 3, 1), (19, -9, 1, 1.5),  # pallidum
        (12, 10, -9, 2), (20, 8, -9, 2),  # accumbens, ventral striatum
        (7, -12, -7, 4), (14, -20, -8, 5), (20, -23, -6, 4), (4, -2, -3, 2.5),  # below the thalamus
        (22, -20, 4, 1.5), (0, -14, 6, 1.2), (0, 2, 3, 2), (0, -10, 2, 0.5),  # internal capsule, midline, fornix
        (25, -33, 0, 3), (27, -25, -6, 4), (22, -3, -15, 5), (21, -28, 0, 2),  # hippocampus, amygdala
        (0, -20, -10, 6), (30, -16, -4, 2),  # midbrain, below the putamen's tail
    ),
}  # fmt: skip
GREY_NUCLEI = (82, 104)  # intensities of a nucleus' seeds
WHITE, MIDLINE_WHITE = 108, 96  # the septum is one voxel thin, its partial volume is darker
FLUID, FLUID_CORE = 72, 66
VENTRICLE_START = (-8, 18, 10)


def crop(image: sitk.Image, box: tuple[tuple[int, int], ...]) -> sitk.Image:
    """The part of the image inside a box of MNI millimetres."""
    start = [round(first - origin) for (first, _), origin in zip(box, neurological_origin(image), strict=True)]
    size = [last - first + 1 for first, last in box]
    return sitk.RegionOfInterest(image, size, start)


def neurological_origin(image: sitk.Image) -> tuple[float, float, float]:
    """RAS position of the first voxel (SimpleITK speaks LPS); the template's axes are x, y and z themselves."""
    x, y, z = image.GetOrigin()
    return -x, -y, z


def fluid_outside_lateral_ventricles(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Where fluid is third ventricle, cistern of the velum interpositum or temporal horn."""
    return (
        ((z <= 14) & (y < -6) & (x < 13))
        | ((z > 14) & (z <= 18) & (y < -10) & (x < 7))
        | ((z > 18) & (z <= 23) & (x < 7 * (-12 - y) / 15 + 0.5))
        | ((z <= 4) & (y <= 3) & (x < 5))
    )


def ventricle_region(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Roomy surroundings of the frontal horns and bodies, of the posterior bodies, and of the trigones."""
    frontal = (z >= -4) & (x <= 26) & (y > -5) & (y <= 36) & (z <= 34) & ~((y > 33) & (x < 12))
    posterior = (x <= 40) & (y <= -5) & (z >= 12) & (z <= 34) & (x >= 3)
    trigone = (x >= 20) & (x <= 38) & (y <= -28) & (z >= -6) & (z <= 14)
    return (frontal | posterior | trigone) & ~fluid_outside_lateral_ventricles(x, y, z)


def place_seeds(image: np.ndarray) -> np.ndarray:
    """Seeds (0: undecided) for the intensities inside BOX, axes x, y, z."""
    x, y, z = np.meshgrid(*(np.arange(first, last + 1) for first, last in BOX), indexing="ij")
    x = np.abs(x)
    seeds = np.zeros(image.shape, np.int32)
    for label, balls in BALLS.items():
        for bx, by, bz, radius in balls:
            inside = (x - bx) ** 2 + (y - by) ** 2 + (z - bz) ** 2 <= radius**2
            if label != OTHER:
                inside &= (image > GREY_NUCLEI[0]) & (image < GREY_NUCLEI[1])
            seeds[inside] = label
    seeds[image >= WHITE] = OTHER
    seeds[(image >= MIDLINE_WHITE) & (x <= 4) & (z >= 6)] = OTHER

    region = ventricle_region(x, y, z)
    components, _ = ndimage.label(ndimage.binary_opening((image < FLUID_CORE) & region))
    start = tuple(p - first for p, (first, _) in zip(VENTRICLE_START, BOX, strict=True))
    ventricles = (components > 0) & (components == components[start])
    seeds[(image < FLUID_CORE) & ~region] = OTHER
    seeds[ventricles] = VENTRICLES

    seeds[(x > 37) & (seeds != VENTRICLES)] = OTHER
    seeds[(z <= -9) | ((z <= -3) & (x < 19) & (y < 3))] = OTHER
    near = ndimage.distance_transform_edt((seeds == 0) | (seeds == OTHER)) <= 12
    seeds[~near] = OTHER
    for axis in range(3):
        for end in (0, -1):
            face = np.moveaxis(seeds, axis, 0)[end]
            face[face == 0] = OTHER
    return seeds


def segment(image: np.ndarray) -> np.ndarray:
    """The reference labels (uint8) for the intensities inside BOX, axes x, y, z."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 0.6)
    with warnings.catch_warnings():
        # Single voxels walled in by strong edges are ill-determined; what follows smooths and removes them.
        warnings.filterwarnings("ignore", message="The probability range is outside")
        walked = random_walker(np.clip(smooth, 30, 125), place_seeds(smooth), beta=200, mode="cg_j", tol=1e-5)
    labels = np.zeros(image.shape, np.uint8)
    for label, _, _ in LABELS:
        mask = ndimage.gaussian_filter((walked == label).astype(np.float32), 0.7) > 0.5
        components, _ = ndimage.label(mask)
        sizes = np.bincount(components.ravel())
        sizes[0] = 0
        mask &= sizes[components] >= 0.2 * sizes.max()
        labels[without_specks(mask)] = label
    return labels


def without_specks(mask: np.ndarray, least: int = 15) -> np.ndarray:
    """The mask without the parts of an axial slice that have fewer than `least` voxels; nobody would draw them."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[:, :, 1] = ndimage.generate_binary_structure(2, 1)
    components, _ = ndimage.label(mask, in_plane)
    return mask & (np.bincount(components.ravel())[components] >= least)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", type=Path, help="ch2.nii.gz")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write to")
    arguments = parser.parse_args()

    template = sitk.ReadImage(str(arguments.template))
    image = crop(template, SLAB)
    box = sitk.GetArrayFromImage(crop(template, BOX)).transpose(2, 1, 0)
    labels = np.zeros(image.GetSize(), np.uint8)
    inside = tuple(slice(first - start, last - start + 1) for (first, last), (start, _) in zip(BOX, SLAB, strict=True))
    labels[inside] = segment(box)
    reference = sitk.GetImageFromArray(np.ascontiguousarray(labels.transpose(2, 1, 0)))
    reference.CopyInformation(image)

    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, volume in (("brain_t1.nii.gz", image), ("brain_t1_labels.nii.gz", reference)):
        plain = sitk.Image(volume)
        for key in plain.GetMetaDataKeys():
            plain.EraseMetaData(key)
        sitk.WriteImage(plain, str(arguments.output / name), useCompression=True, compressionLevel=9)
    names = [{"value": value, "name": name, "color": color} for value, name, color in LABELS]
    (arguments.output / "brain_t1_labels.json").write_text(json.dumps(names, indent=2) + "\n")


if __name__ == "__main__":
    main()
