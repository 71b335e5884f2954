"""`patchicl follow`: folders and 4D files, what is written for each frame, resuming, and what is refused."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.follow.frame_files import FrameFiles
from PatchICLLib.images import read_label_map, read_scalar_image
from PatchICLLib.images.frames import read_frames
from PatchICLLib.propagation import Propagator
from PatchICLLib.segmentations import Segment, Segmentation
from PatchICLLib.segmentations.files import read_segmentation
from PatchICLLib.segmentations.slicer_file import write_slicer_file
from Testing.Miniatures.moving import MovingPhantom, dice, moving_phantom
from Testing.Python.command_line import conftest

SPACING = (1.0, 1.0, 2.0)
FRAMES = 3
save = partial(conftest.save, spacing=SPACING)


@pytest.fixture(scope="module")
def phantom() -> MovingPhantom:
    whole = moving_phantom(farthest=4.0)
    return MovingPhantom(whole.images[:FRAMES], whole.labels[:FRAMES])


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """An engine that takes every painting for finished; what it was asked."""
    asked: list[np.ndarray] = []

    def propagate(image, painted, spacing, **options):
        asked.append(painted)
        return SimpleNamespace(labels=painted, report={"axis": "k"})

    double = SimpleNamespace(from_pretrained=lambda **_: SimpleNamespace(propagate=propagate))
    monkeypatch.setattr("PatchICLLib.command_line.follow_run.Propagator", double)
    return asked


@pytest.fixture
def folder(phantom: MovingPhantom, tmp_path: Path) -> Path:
    made = tmp_path / "frames"
    made.mkdir()
    for number, image in zip((2, 10, 9), phantom.images[[0, 2, 1]], strict=True):
        save(image, made / f"t{number}.nii.gz")
    (made / "notes.txt").write_text("no frame")
    return made


def painted(phantom: MovingPhantom, tmp_path: Path, frame: int = 0) -> Path:
    return save(phantom.labels[frame], tmp_path / f"painted{frame}.nii.gz")


run = partial(conftest.run, "follow")


def test_a_folder_in_the_order_of_its_names(phantom, folder, tmp_path, capsys) -> None:
    output = tmp_path / "out"
    assert run(folder, painted(phantom, tmp_path), output) == 0
    assert "3 frames" in capsys.readouterr().out
    names = ["t2", "t9", "t10"]
    assert {path.name for path in output.iterdir()} == {
        f"{name}{ending}" for name in names for ending in (".nii.gz", ".report.json")
    }
    for name, truth in zip(names, phantom.labels, strict=True):
        found = read_label_map(output / f"{name}.nii.gz", like=read_scalar_image(folder / f"{name}.nii.gz")).array
        assert min(dice(found == label, truth == label) for label in (1, 2)) > 0.9
        report = json.loads((output / f"{name}.report.json").read_text())
        assert report["frame"] == name and report["painted_frame"] == "t2"
        assert name != "t2" or np.array_equal(found, truth)
    assert report["alike"] > 0.9


@pytest.mark.parametrize("kind", [".nii.gz", ".nrrd", ".mha", ".seq.nrrd"])
def test_one_file_from_a_frame_in_the_middle(phantom, tmp_path, kind) -> None:
    path, output = tmp_path / f"heart{kind}", tmp_path / "out"
    if kind == ".seq.nrrd":
        image = sitk.GetImageFromArray(np.moveaxis(phantom.images, 0, -1).copy(), isVector=True)
        image.SetSpacing(SPACING)
        image.SetOrigin(conftest.ORIGIN)
        image.SetDirection(conftest.OBLIQUE)
        sitk.WriteImage(image, str(path))
        # as Slicer writes sequences
        path.write_bytes(path.read_bytes().replace(b"kinds: vector domain", b"kinds: list domain", 1))
    else:
        image = sitk.JoinSeries([sitk.ReadImage(str(save(one, tmp_path / "one.nii"))) for one in phantom.images])
        sitk.WriteImage(image, str(path))
    frames = read_frames(path)
    assert np.array_equal(frames.array, phantom.images)
    like = read_scalar_image(save(phantom.images[1], tmp_path / "like.nrrd"))
    assert not frames.first.grid.differences(like.grid)
    segments = tmp_path / "painted.seg.nrrd"
    named = (Segment(1, "left ventricle", "a", (0.9, 0.5, 0.1)), Segment(2, "right ventricle", "b"))
    write_slicer_file(segments, Segmentation(phantom.labels[1], named), like)
    assert run(path, segments, output, "--frame", 1, "--quiet") == 0
    for number, truth in enumerate(phantom.labels):
        found = read_segmentation(output / f"heart_{number:03d}.seg.nrrd", like)
        assert [one.name for one in found.segments] == ["left ventricle", "right ventricle"]
        assert min(dice(found.mask(label), truth == label) for label in (1, 2)) > 0.88
        assert number != 1 or np.array_equal(found.array, truth)


@pytest.mark.slow
def test_a_painting_that_is_finished_on_every_slice(phantom, folder, tmp_path, monkeypatch) -> None:
    labels = np.zeros_like(phantom.labels[0])
    labels[:, 8:16, 8:16] = 1
    monkeypatch.setattr("PatchICLLib.command_line.follow_run.Propagator", Propagator)
    output = tmp_path / "out"
    assert run(folder, save(labels, tmp_path / "finished.nii.gz"), output, "--axis", "k") == 0
    found = read_label_map(output / "t2.nii.gz", like=read_scalar_image(folder / "t2.nii.gz")).array
    np.testing.assert_array_equal(found, labels)
    assert len(list(output.glob("*.nii.gz"))) == FRAMES


def _slices(labels: np.ndarray, *indices: int) -> np.ndarray:
    """What of a finished segmentation is painted on some slices along k."""
    shown = np.zeros_like(labels)
    shown[list(indices)] = labels[list(indices)]
    return shown


def test_what_is_solid_is_followed_as_it_is(phantom, folder, tmp_path, engine, capsys) -> None:
    """Nobody paints a body on single slices; nor could its slices be told from those of another axis."""
    labels = np.zeros_like(phantom.labels[0])
    grid = np.indices(labels.shape)
    middle = np.array(labels.shape)[:, None, None, None] // 2
    labels[((grid - middle) ** 2).sum(0) < 16] = 1  # a ball
    drawn = save(labels, tmp_path / "ball.nii.gz")
    assert run(folder, drawn, tmp_path / "out") == 0 and not engine
    told = capsys.readouterr().out
    assert "3 of them new" in told and "followed as it is" in told
    found = read_label_map(tmp_path / "out" / "t2.nii.gz", like=read_scalar_image(folder / "t2.nii.gz")).array
    np.testing.assert_array_equal(found, labels)
    for number, option in enumerate(["--not-finished", "--axis=k"], 1):
        assert run(folder, drawn, tmp_path / f"out{number}", option) == 0 and len(engine) == number
        assert "as it is" not in capsys.readouterr().out


def test_what_is_painted_on_slices_is_filled(phantom, folder, tmp_path, engine, capsys) -> None:
    labels = phantom.labels[0]
    held = np.flatnonzero(labels.any((1, 2)))
    across = _slices(labels, held[0], held[-1])
    across[:, :, labels.shape[2] // 2] = labels[:, :, labels.shape[2] // 2]  # no slice between is without it
    for number, shown in enumerate([_slices(labels, *held[::3]), across, _slices(labels, *held[:3])], 1):
        assert run(folder, save(shown, tmp_path / f"{number}.nii.gz"), tmp_path / f"out{number}") == 0
        told = capsys.readouterr().out
        assert len(engine) == number and "others were filled first; --finished" in told and "as it is" not in told
    assert run(folder, tmp_path / "1.nii.gz", tmp_path / "finished", "--finished") == 0
    assert len(engine) == 3 and "as it is" not in capsys.readouterr().out


def test_resuming_ends_as_a_run_that_was_not_stopped(phantom, folder, tmp_path, engine, monkeypatch) -> None:
    whole, output, drawn = tmp_path / "whole", tmp_path / "out", painted(phantom, tmp_path)
    run = partial(conftest.run, "follow", "--not-finished")
    assert run(folder, drawn, whole) == 0
    write = FrameFiles.write

    def stop(self, number, *arguments):
        if number == 2:
            raise KeyboardInterrupt
        write(self, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(FrameFiles, "write", stop)
        assert run(folder, drawn, output) == 130
    assert sorted(path.name for path in output.glob("*.nii.gz")) == ["t2.nii.gz", "t9.nii.gz"]
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    asked = len(engine)
    assert run(folder, drawn, output) == 0
    assert len(engine) == asked  # the painted frame was there
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for path in whole.glob("*.nii.gz"):
        assert (output / path.name).read_bytes() == path.read_bytes()
    after = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    assert run(folder, drawn, output) == 0
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == after
    # a frame that changed is done again, and those that come after it
    frame = folder / "t9.nii.gz"
    os.utime(frame, ns=(1, 1))
    assert run(folder, drawn, output) == 0
    changed = {path.name for path in output.glob("*.nii.gz") if path.stat().st_mtime_ns != after[path]}
    assert changed == {"t9.nii.gz", "t10.nii.gz"}
    assert run(folder, drawn, output, "--no-resume") == 0
    assert len(engine) == asked + 1


def test_what_is_refused(phantom, folder, tmp_path, refused: Callable[..., str]) -> None:
    drawn, output = painted(phantom, tmp_path), tmp_path / "out"
    assert "the last of the 3 frames is 2" in refused("follow", folder, drawn, output, "--frame", 3)
    assert "holds the frames" in refused("follow", folder, drawn, folder)
    (tmp_path / "empty").mkdir()
    assert "0 frames" in refused("follow", tmp_path / "empty", drawn, output)
    assert "4 are needed" in refused("follow", folder / "t2.nii.gz", drawn, output)
    assert "cannot be read" in refused("follow", folder / "notes.txt", drawn, output)
    small = save(phantom.labels[0][:, :20], tmp_path / "small.nii.gz")
    assert "not on the same grid" in refused("follow", folder, small, output)
    colors = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True)
    sitk.WriteImage(colors, str(tmp_path / "colors.nrrd"))
    thin = tmp_path / "thin"
    thin.mkdir()
    for number in range(2):
        save(phantom.images[number][:1], thin / f"{number}.nii.gz")
    assert "stack frames of one slice" in refused("follow", thin, drawn, output)
    assert "3D image are for `patchicl propagate`" in refused("follow", drawn, drawn, output)
    assert "colors" in refused("follow", tmp_path / "colors.nrrd", drawn, output)


def test_nothing_of_others_is_replaced(phantom, folder, tmp_path, refused: Callable[..., str]) -> None:
    drawn, output = painted(phantom, tmp_path), tmp_path / "out"
    output.mkdir()
    (output / "t10.nii.gz").write_bytes(b"mine")
    assert "t10.nii.gz" in refused("follow", folder, drawn, output)
    assert (output / "t10.nii.gz").read_bytes() == b"mine"


def test_a_damaged_frame_is_told_of_and_what_is_done_stays(phantom, folder, tmp_path, capsys) -> None:
    whole = (folder / "t10.nii.gz").read_bytes()
    (folder / "t10.nii.gz").write_bytes(whole[: len(whole) // 2])
    assert run(folder, painted(phantom, tmp_path), tmp_path / "out") == 2
    assert "t10.nii.gz" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").glob("*.nii.gz")} == {"t2.nii.gz", "t9.nii.gz"}
