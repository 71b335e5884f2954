"""Kinds of faults: each makes something wrong in a world, or asks for something odd, and says what must come of it."""

import json
import os
import resource
import shutil
import signal
import sys
import threading
from pathlib import Path

import numpy as np

from Testing.Campaign.kinds import kind
from Testing.Campaign.runner import EITHER, REFUSED, SURVIVED, Fault, propagation
from Testing.Campaign.world import SHAPE, World

_NAMES = ["o.MHA", "o.Mha", "o.MHD", "o.NII.GZ", "o.Nii.gz", "o.NRRD", "o.xyz", "o", ".nii.gz", "o.png", "é [b].nrrd",
          "no/such/o.nii", "stranger.raw/o.nii", ".", "o\n.mha", "o.seg.nrrd"]  # fmt: skip
_WORDS = ["", "auto", "k", "0", "-1", "3,", "3;4", "1:2", "9:1", "٣", "³", "1e3", "9" * 5000,
          "[red]x[/]", "all", "\0", "é\ud800", "a" * 300, "i=1:5", "i=9:1,k=0:2", "nan"]  # fmt: skip


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


def _manifest(world: World, entries: list[dict[str, str]]) -> Path:
    path = world.folder / "manifest.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def _bundled(ending: str) -> Path:
    from PatchICLLib.resources import resource_path
    from PatchICLLib.weights import BUNDLED

    return resource_path(f"Weights/{BUNDLED['sparse']}{ending}")
