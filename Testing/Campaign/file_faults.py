"""Faults of files: damage, grids, values, segments, DICOM series that are not as they should be."""

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from Testing.Campaign.kinds import kind
from Testing.Campaign.runner import REFUSED, SURVIVED, Fault
from Testing.Campaign.world import SHAPE, World

# ---- damage ----------------------------------------------------------------------------------------------------------


@kind(2)
def cut_or_lengthened_files(rng: np.random.Generator, world: World) -> Fault:
    victim = _file_of(rng, world)
    content = victim.read_bytes()
    if rng.random() < 0.7:
        victim.write_bytes(content[: int(rng.integers(0, len(content)))])
        return Fault(REFUSED, apart=True)
    victim.write_bytes(content + rng.bytes(int(rng.integers(1, 400))))
    return Fault(apart=True)


@kind(2)
def a_flipped_bit_in_compressed_voxels(rng: np.random.Generator, world: World) -> Fault:
    """Checksums tell; the header may be hit as well. What is accepted must hold the painting as it was."""
    endings = (".nii.gz", ".mha", ".nrrd")
    world.painted.unlink()
    world.painted = world.folder / f"again{rng.choice(endings)}"
    world.like_image(world.array, world.painted)
    content = bytearray(world.painted.read_bytes())
    content[int(rng.integers(len(content) // 2, len(content)))] ^= 1 << int(rng.integers(8))
    world.painted.write_bytes(bytes(content))
    return Fault()


@kind(3)
def random_header_fields(rng: np.random.Generator, world: World) -> Fault:
    victim = [world.image, world.painted][rng.integers(2)]
    content = bytearray(victim.read_bytes())
    if victim.name.endswith(".nii"):
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(0, 348))
            content[at : at + 4] = rng.choice(
                [rng.bytes(4), b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\xc0\x7f", b"\0\0\x80\x7f"]
            )
        victim.write_bytes(bytes(content))
    elif victim.suffix in (".mha", ".mhd", ".nrrd", ".nhdr"):
        head, mark, rest = bytes(content).partition(b"ElementDataFile" if victim.suffix[1] == "m" else b"\n\n")
        lines = head.split(b"\n")
        for _ in range(int(rng.integers(1, 3))):
            where = int(rng.integers(len(lines)))
            key = lines[where].split(b"=" if victim.suffix[1] == "m" else b":")[0]
            value = rng.choice(
                [
                    b"0",
                    b"-1",
                    b"99",
                    b"nan",
                    b"1e300",
                    b"",
                    b"x" * 3000,
                    b"ascii",
                    b"999999999999",
                    b"\xff\xfe",
                    b"0 0 0",
                ]
            )
            lines[where] = key + (b" = " if victim.suffix[1] == "m" else b": ") + bytes(value)
        victim.write_bytes(b"\n".join(lines) + mark + rest)
    else:
        content[int(rng.integers(10))] ^= 1 << int(rng.integers(8))
        victim.write_bytes(bytes(content))
    return Fault(apart=True, intact=False)


@kind()
def no_image_at_all(rng: np.random.Generator, world: World) -> Fault:
    victim = [world.image, world.painted][rng.integers(2)]
    victim.unlink()
    choice = rng.integers(6)
    if choice == 0:
        victim.write_bytes(rng.bytes(int(rng.integers(0, 3000))))
    elif choice == 1:
        victim.mkdir()
    elif choice == 2:
        victim.symlink_to(victim.name)
    elif choice == 3:
        os.mkfifo(victim)
    elif choice == 4:
        victim.write_text("<html>404</html>")
    return Fault(REFUSED, apart=True, intact=False)


# ---- grids and values ------------------------------------------------------------------------------------------------


@kind(2)
def the_same_lattice_turned(rng: np.random.Generator, world: World) -> Fault:
    image = sitk.ReadImage(str(world.painted))
    order = [int(v) for v in rng.permutation(3)]
    flips = [bool(v) for v in rng.integers(0, 2, 3)]
    turned = sitk.Flip(sitk.PermuteAxes(image, order), flips, False)
    world.painted = world.folder / f"turned{rng.choice(['.nii.gz', '.nrrd', '.mha'])}"
    sitk.WriteImage(turned, str(world.painted))
    return Fault(SURVIVED)


@kind()
def another_lattice(rng: np.random.Generator, world: World) -> Fault:
    image = sitk.ReadImage(str(world.painted))
    choice = rng.integers(4)
    if choice == 0:
        image.SetOrigin([value + float(rng.uniform(0.4, 30)) for value in image.GetOrigin()])
    elif choice == 1:
        image.SetSpacing([value * float(rng.uniform(1.05, 3)) for value in image.GetSpacing()])
    elif choice == 2:
        image = image[:, :, : int(rng.integers(1, SHAPE[0]))]
    else:
        image.SetDirection((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
    world.painted = world.folder / "elsewhere.nrrd"
    sitk.WriteImage(image, str(world.painted))
    return Fault(REFUSED)


@kind(2)
def odd_labels(rng: np.random.Generator, world: World) -> Fault:
    array = world.array.astype(np.float64)
    choice = rng.integers(6)
    if choice == 0:
        array[array > 0] *= -1
    elif choice == 1:
        array[array > 0] += 0.5
    elif choice == 2:
        array[0, 0, 0] = [np.nan, np.inf, -np.inf][rng.integers(3)]
    elif choice == 3:
        array[:] = 0
    elif choice == 4:
        array = rng.normal(100, 50, SHAPE).astype(np.int16)
    else:
        array = rng.integers(0, 5000, SHAPE)
    world.painted = world.folder / f"odd{rng.choice(['.nii.gz', '.nrrd', '.mha'])}"
    world.like_image(array, world.painted)
    return Fault(REFUSED, intact=False)


@kind()
def labels_of_every_type(rng: np.random.Generator, world: World) -> Fault:
    dtype = rng.choice(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
    world.painted = world.folder / f"typed{rng.choice(['.nii.gz', '.nrrd', '.mha'])}"
    world.like_image(world.array.astype(dtype), world.painted)
    return Fault(SURVIVED)


@kind()
def odd_intensities(rng: np.random.Generator, world: World) -> Fault:
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(world.image))).astype(np.float64)
    choice = rng.integers(6)
    fault = Fault(SURVIVED)
    if choice == 0:
        values *= 10.0 ** int(rng.integers(-30, 30))
    elif choice == 1:
        values += 1e9
    elif choice == 2:
        values = (values * 2**50).astype(np.int64)
    elif choice == 3:
        values, fault = np.full(SHAPE, 7.0), Fault(REFUSED)
    elif choice == 4:
        values[1, 1, 1], fault = np.nan, Fault(REFUSED)
    else:
        values[2, 2, 2] = 3e4
    world.image = world.folder / f"odd_scan{rng.choice(['.nrrd', '.mha'])}"
    world.like_image_of(values)
    return fault


@kind(2)
def odd_paintings(rng: np.random.Generator, world: World) -> Fault:
    """Stray voxels, outlines, scribbles, another axis: whatever is accepted comes back bit for bit."""
    array = np.zeros(SHAPE, np.uint8)
    choice = rng.integers(6)
    if choice == 0:
        array[world.array > 0] = 1
        array[tuple(int(rng.integers(n)) for n in SHAPE)] = 1
    elif choice == 1:
        array[int(rng.integers(SHAPE[0])), 4:18, 5:20] = 1
        array[:, 7:16, 8:17] = 0
    elif choice == 2:
        array[(rng.random(SHAPE) < 0.02)] = 1
    elif choice == 3:
        array[:, int(rng.integers(24)), 3:20] = 1
        array[3, 5:15, 5:15] = 1
    elif choice == 4:
        array[:, :, int(rng.integers(28))] = 1
    else:
        array[:] = 1
    world.array = array
    world.painted = world.folder / "odd_painting.nrrd"
    world.like_image(array, world.painted)
    return Fault()


@kind(0.5)
def image_and_painting_swapped(_rng: np.random.Generator, world: World) -> Fault:
    world.image, world.painted = world.painted, world.image
    return Fault(REFUSED, intact=False)


# ---- segments --------------------------------------------------------------------------------------------------------


@kind(2)
def segments_with_names(rng: np.random.Generator, world: World) -> Fault:
    """A `.seg.nrrd`, whole or with a line of its header changed."""
    from PatchICLLib.images import read_scalar_image
    from PatchICLLib.segmentations import Segment, Segmentation
    from PatchICLLib.segmentations.slicer_file import write_slicer_file

    layers = np.stack([world.array * (world.array == 1), np.where(world.array == 1, 2, 0).astype(np.uint8)])
    names = [str(name) for name in rng.choice(["liver", "[b]", "a|b:c", "日本", "x" * 200, " ", "1"], 2, replace=False)]
    world.painted = world.folder / "named.seg.nrrd"
    segments = (Segment(1, names[0]), Segment(2, names[1]))
    write_slicer_file(world.painted, Segmentation(layers, segments), read_scalar_image(world.image))
    world.output = world.folder / f"out{rng.choice(['.seg.nrrd', '.nii.gz'])}"
    fault = Fault(SURVIVED if world.output.name.endswith(".seg.nrrd") else REFUSED, intact=False)
    if rng.random() < 0.5:
        head, mark, rest = world.painted.read_bytes().partition(b"\n\n")
        lines = head.split(b"\n")
        where = int(rng.integers(1, len(lines)))
        lines[where] = lines[where][: int(rng.integers(0, len(lines[where]) + 1))] + rng.choice(
            [b"", b"9", b"-1", b"\xff"]
        )
        world.painted.write_bytes(b"\n".join(lines) + mark + rest)
        fault = Fault(apart=True, intact=False)
    return fault


# ---- DICOM -----------------------------------------------------------------------------------------------------------


@kind(2)
def odd_series(rng: np.random.Generator, world: World) -> Fault:
    import pydicom

    from Testing.Miniatures.dicom import write_series

    series = write_series(world.folder / "series", SHAPE)
    files = sorted(series.iterdir())
    chosen = pydicom.dcmread(files[int(rng.integers(len(files)))])
    path = Path(chosen.filename)
    choice, fault = rng.integers(9), Fault(REFUSED, intact=False)
    if choice == 0:
        path.unlink()
        fault = Fault(intact=False)  # an end may be missing: nobody can tell
    elif choice == 1:
        chosen.ImagePositionPatient = [
            f"{float(v) + rng.uniform(-0.05, 0.05):.4f}" for v in chosen.ImagePositionPatient
        ]
        fault = Fault(intact=False)
    elif choice == 2:
        chosen.RescaleSlope = "1.5"
        fault = Fault(intact=False)
    elif choice == 3:
        chosen.PixelSpacing = ["0.5", "0.5"]
    elif choice == 4:
        chosen.ImageOrientationPatient = ["0", "1", "0", "1", "0", "0"]
    elif choice == 5:
        chosen.PhotometricInterpretation = "MONOCHROME1"
    elif choice == 6:
        del chosen.ImagePositionPatient
    elif choice == 7:
        chosen.Rows, chosen.Columns = 6, 7
        chosen.PixelData = b"\0" * 84
    else:
        (series / "notes.txt").write_text("hello")
        fault = Fault(SURVIVED, intact=False)
    if path.exists():
        chosen.save_as(path)
    if rng.random() < 0.1 and path.exists():
        path.write_bytes(path.read_bytes()[: int(rng.integers(100, 600))])
        fault = Fault(intact=False)
    world.image = series
    world.painted = world.folder / "on_series.nrrd"
    image = sitk.GetImageFromArray(world.array)
    image.SetSpacing((0.8, 0.9, 2.5))
    image.SetOrigin((-10, 5, 40))
    sitk.WriteImage(image, str(world.painted))
    world.output = world.folder / f"out{rng.choice(['.nii.gz', '.nrrd'])}"
    return Fault(fault.expected, apart=True, intact=False)


def _file_of(rng: np.random.Generator, world: World) -> Path:
    """A file of scan or painting, its header or its data."""
    victim = [world.image, world.painted][rng.integers(2)]
    parts = [path for path in world.folder.iterdir() if path.name.split(".")[0] == victim.name.split(".")[0]]
    return parts[int(rng.integers(len(parts)))]
