"""Kinds of faults: each makes something wrong in a world, or asks for something odd, and says what must come of it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from Testing.Campaign.runner import EITHER, REFUSED, SURVIVED, Fault, propagation
from Testing.Campaign.world import SHAPE, World

Maker = Callable[[np.random.Generator, World], Fault]
KINDS: dict[str, tuple[Maker, float]] = {}  # by name, with its weight
_NAMES = ["o.MHA", "o.Mha", "o.MHD", "o.NII.GZ", "o.Nii.gz", "o.NRRD", "o.xyz", "o", ".nii.gz", "o.png", "é [b].nrrd",
          "no/such/o.nii", "stranger.raw/o.nii", ".", "o\n.mha", "o.seg.nrrd"]  # fmt: skip
_WORDS = ["", "auto", "k", "0", "-1", "3,", "3;4", "1:2", "9:1", "٣", "³", "1e3", "9" * 5000,
          "[red]x[/]", "all", "\0", "é\ud800", "a" * 300, "i=1:5", "i=9:1,k=0:2", "nan"]  # fmt: skip


def kind(weight: float = 1.0) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        KINDS[maker.__name__] = (maker, weight)
        return maker

    return register


# ---- outputs ---------------------------------------------------------------------------------------------------------


@kind()
def output_is_an_input(rng: np.random.Generator, world: World) -> Fault:
    victim = [world.image, world.painted][rng.integers(2)]
    how = rng.integers(4)
    if how == 0:
        world.output = victim
    elif how == 1:
        world.output = world.folder / f"link{''.join(victim.suffixes)}"
        world.output.symlink_to(victim.name)
    elif how == 2:
        world.output = world.folder / f"hard{''.join(victim.suffixes)}"
        os.link(victim, world.output)
    else:
        world.output = world.folder / "." / "x" / ".." / victim.name
        (world.folder / "x").mkdir()
    return Fault(REFUSED, intact=False)


@kind()
def output_is_the_data_of_an_input(rng: np.random.Generator, world: World) -> Fault:
    """The scan's voxels lie where the output's would."""
    world.image = world.folder / "ct.mhd"
    world.save(np.full(SHAPE, 7, np.int16) + (world.array * 50).astype(np.int16), world.image)
    text = world.image.read_text().replace("ct.zraw", "out.zraw")
    (world.folder / "ct.zraw").rename(world.folder / "out.zraw")
    world.image.write_text(text)
    world.like_image(world.array, world.painted)
    world.output = world.folder / ["out.mhd", "out.zraw", "out.raw"][rng.integers(2)]
    return Fault(EITHER, intact=world.output.suffix == ".mhd")


@kind()
def a_strangers_data_file(rng: np.random.Generator, world: World) -> Fault:
    world.output = world.folder / f"out{['.mhd', '.nhdr'][rng.integers(2)]}"
    for ending in (".raw", ".zraw", ".raw.gz"):
        (world.folder / f"out{ending}").write_bytes(b"a stranger's")
    return Fault(SURVIVED)


@kind()
def two_outputs_in_one_file(rng: np.random.Generator, world: World) -> Fault:
    same = str(world.output) if rng.random() < 0.5 else str(world.folder / "." / world.output.name)
    world.extra = [["--entropy", "--probability"][rng.integers(2)], same]
    return Fault(REFUSED)


@kind()
def odd_output_names(rng: np.random.Generator, world: World) -> Fault:
    long = ["o" * 251 + ".nii", "o" * 400 + ".nrrd"]
    world.output = world.folder / str(rng.choice([*_NAMES, *long]))
    return Fault(intact=not world.output.name.endswith(".seg.nrrd"))


@kind()
def json_over_something(rng: np.random.Generator, world: World) -> Fault:
    card = world.folder / "w.json"
    shutil.copy(_bundled(".json"), card)
    shutil.copy(_bundled(".safetensors"), world.folder / "w.safetensors")
    manifest = _manifest(
        world, [{"image": world.image.name, "painted": world.painted.name, "output": world.output.name}]
    )
    choice = rng.integers(3)
    if choice == 0:
        return Fault(
            REFUSED, tuple(propagation(world, "--weights", str(world.folder / "w.safetensors"), "--report", str(card)))
        )
    if choice == 1:
        return Fault(REFUSED, ("cohort", str(manifest), "--json", str(manifest)))
    report = world.output.name.split(".")[0] + ".report.json"
    return Fault(REFUSED, ("cohort", str(manifest), "--json", str(world.folder / report)))


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


# ---- options and manifests -------------------------------------------------------------------------------------------


@kind(3)
def odd_options(rng: np.random.Generator, world: World) -> Fault:
    names = ["--axis", "--labels", "--extent", "--region", "--painted-slices", "--ignore-slices", "--weights", "--seed",
             "--context-size", "--patch-budget", "--field-of-view", "--device", "--preset"]  # fmt: skip
    options: list[str] = []
    for name in rng.choice(names, int(rng.integers(1, 4)), replace=False):
        options += [str(name), str(rng.choice(_WORDS))]
    command = str(rng.choice(["propagate", "check"]))
    arguments = [command, str(world.image), str(world.painted), str(world.output), *options]
    return Fault(arguments=tuple(argument for argument in arguments))


@kind(2)
def odd_manifests(rng: np.random.Generator, world: World) -> Fault:
    good = {"image": world.image.name, "painted": world.painted.name, "output": world.output.name}
    entries: list[object] = [dict(good)]
    choice = rng.integers(9)
    path = world.folder / "m.json"
    if choice < 5:
        entry = dict(good)
        entry[str(rng.choice([*good, "axis", "labels", "name", "colour", "probability"]))] = rng.choice(_WORDS)
        entries = [{key: str(value) for key, value in entry.items()}]
        if rng.random() < 0.3:
            entries *= 2
        path.write_text(json.dumps(entries), encoding="utf-8", errors="surrogatepass")
    elif choice == 5:
        path.write_text("[" * 100_000)
    elif choice == 6:
        path.write_bytes(rng.bytes(200))
    elif choice == 7:
        path.write_text(json.dumps(entries)[: int(rng.integers(0, 60))])
    else:
        path = world.folder / "m.csv"
        path.write_bytes(
            b"image,painted,output\n" + rng.choice([b"a,b", b"a,b,c,d", b"\0,\0,\0", b"\xff\xfe,x,y", b",,"])
        )
    return Fault(arguments=("cohort", str(path), "--device", "cpu"))


@kind()
def tampered_weights(rng: np.random.Generator, world: World) -> Fault:
    weights, card = world.folder / "w.safetensors", world.folder / "w.json"
    shutil.copy(_bundled(".safetensors"), weights)
    content = json.loads(_bundled(".json").read_text(encoding="utf-8"))
    settings = content["configuration"]
    name = str(rng.choice(sorted(settings)))
    values = [None, -1, 0, 1e99, "x", [], {}, True, 10**30, [[]], float("nan")]
    settings[name] = values[rng.integers(len(values))]
    card.write_text(json.dumps(content))
    pair = f"{world.image}:{world.painted}"
    command = ("segment", str(world.image), str(world.output), "--context", pair, "--weights", str(weights))
    return Fault(REFUSED, (*command, "--device", "cpu"), intact=False)


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


# ---- kills, signals, full disks --------------------------------------------------------------------------------------


@kind(0.6)
def killed_while_writing(rng: np.random.Generator, world: World) -> Fault:
    """At the n-th time that the process touches the file system after the engine."""
    left = int(rng.integers(1, 60))

    def inside() -> None:
        count = [0]

        def hook(event: str, _arguments: object) -> None:
            if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate"):
                count[0] += 1
                if count[0] > 30 + left:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)

    return Fault(apart=True, inside=inside, killed=True)


@kind(0.6)
def a_full_disk(rng: np.random.Generator, world: World) -> Fault:
    limit = int(rng.integers(0, 3000))

    def inside() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return Fault(apart=True, inside=inside)


@kind(0.4)
def interrupted(rng: np.random.Generator, world: World) -> Fault:
    delay = float(rng.uniform(0, 0.15))
    which = [signal.SIGINT, signal.SIGTERM][rng.integers(2)]

    def inside() -> None:
        threading.Timer(delay, lambda: os.kill(os.getpid(), which)).start()

    return Fault(apart=True, inside=inside, killed=which is signal.SIGTERM)


def _file_of(rng: np.random.Generator, world: World) -> Path:
    """A file of scan or painting, its header or its data."""
    victim = [world.image, world.painted][rng.integers(2)]
    parts = [path for path in world.folder.iterdir() if path.name.split(".")[0] == victim.name.split(".")[0]]
    return parts[int(rng.integers(len(parts)))]


def _manifest(world: World, entries: list[dict[str, str]]) -> Path:
    path = world.folder / "manifest.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def _bundled(ending: str) -> Path:
    from PatchICLLib.resources import resource_path
    from PatchICLLib.weights import BUNDLED

    return resource_path(f"Weights/{BUNDLED['sparse']}{ending}")
