"""Everything that commands write, killed at every step of it and on a full disk: all old or all new, never neither."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from PatchICLLib import weight_files
from PatchICLLib.cohort import case as cohort_case
from PatchICLLib.cohort.case import CohortCase, CohortModel
from PatchICLLib.command_line import propagate_files, segment_files
from PatchICLLib.command_line.app import main
from PatchICLLib.demo import job as demo_job
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation import plots
from PatchICLLib.follow.frame_files import FrameFiles
from PatchICLLib.images import Volume, write_like
from PatchICLLib.model_card import write_calibration
from PatchICLLib.outputs import recover_folders, save_picture, stage_json, write_json
from PatchICLLib.outputs.staged_files import StagedFiles
from PatchICLLib.presets import build, preset
from PatchICLLib.segmentations import Segmentation
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.run_files import CHECKPOINT, LOG, RunFiles
from PatchICLLib.universeg.network import UniverSegConfiguration
from PatchICLLib.weights import save_weights

SHAPE = (4, 8, 8)
GRID = Volume(
    np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()),
    Path("scan"), "",
)  # fmt: skip
Work = Callable[[int], object]


def result(value: int) -> SimpleNamespace:
    """Of a propagation that labels everything with `value`."""
    real = np.full(SHAPE, value / 8, np.float32)
    report = {"axis": "k", "device": "cpu", "painted_planes": {"1": {"k": [0]}}, "weights": {}, "value": value}
    patches = (SimpleNamespace(to_json=lambda: {"value": value}),)
    return SimpleNamespace(
        labels=np.full(SHAPE, value, np.uint8),
        probability=real,
        entropy=real,
        selections=patches,
        report=report,
        candidates=None,
    )


def inputs(folder: Path) -> tuple[Path, Path]:
    scan, painted = folder / "in" / "scan.nii", folder / "in" / "painted.nii"
    if not scan.exists():
        scan.parent.mkdir(exist_ok=True)
        write_like(GRID.array, GRID, scan)
        write_like((GRID.array > 200).astype(np.uint8), GRID, painted)
    return scan, painted


def propagate(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    scan, painted = inputs(folder)
    files = [folder / name for name in ("out.mhd", "p.nii.gz", "e.nrrd", "s.json", "r.json")]

    def work(value: int) -> None:
        engine = SimpleNamespace(
            from_pretrained=lambda **_: SimpleNamespace(propagate=lambda *_, **__: result(value))
        )  # fmt: skip
        patch.setattr(propagate_files, "Propagator", engine)
        names = ["--probability", "--entropy", "--selections", "--report"]
        options = [str(part) for pair in zip(names, files[1:], strict=True) for part in pair]
        if main(["propagate", str(scan), str(painted), str(files[0]), "--quiet", *options]) != 0:
            raise InputError("refused")

    return work, files


def segment(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    scan, painted = inputs(folder)
    files = [folder / "out.nhdr", folder / "p.nii"]

    def work(value: int) -> None:
        found = segment_files.SlicesSegmented(
            np.full(SHAPE, value, np.uint8), *(np.full(SHAPE, value / 8, np.float32),) * 2
        )  # fmt: skip
        patch.setattr(segment_files, "segment_slices", lambda *_: found)
        patch.setattr(segment_files, "InContextSegmenter", SimpleNamespace(from_pretrained=lambda **_: None))
        request = segment_files.SegmentationFiles(scan, (f"{scan}:{painted}",), files[0], files[1])
        segment_files.segment_files(request, {}, quiet=True)

    return work, files


def cohort(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    scan, painted = inputs(folder)
    case = CohortCase("one", scan, painted, folder / "out.nii.gz", entropy=folder / "e.mhd", anew=True)

    def work(value: int) -> None:
        engine = SimpleNamespace(propagate=lambda *_, **__: result(value))
        patch.setattr(cohort_case, "_propagator", lambda _: engine)
        done = cohort_case.run_case(case, CohortModel(None, None, "cpu", ""))
        if done.status != "done":
            raise InputError(done.message)

    return work, case.outputs


def demo(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    def work(value: int) -> object:
        patch.setattr(demo_job, "draw_figure", lambda _, path: path.write_bytes(bytes([value]) * 40_000))
        painting = np.full(SHAPE, value, np.uint8)
        return demo_job.save_demo(
            SimpleNamespace(propagation=result(value), sample=SimpleNamespace(image=GRID), painted=painting), folder
        )  # fmt: skip

    return work, [folder / name for name in (demo_job.PICTURE, demo_job.SEGMENTATION, demo_job.PAINTED)]


def summary(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    """--json of info, evaluate, benchmark, overfit, cohort, demo and train; settings and costs of experiments."""
    return lambda value: write_json([value] * 10_000, folder / "summary.json"), [folder / "summary.json"]


def figure(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    """Of evaluate, benchmark, experiments and train."""

    def work(value: int) -> None:
        drawing = Figure()
        drawing.text(0.5, 0.5, str(value))
        save_picture(drawing, folder / plots.FIGURES[0])

    return work, [folder / plots.FIGURES[0]]


def export(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    model = build(preset("universeg").configuration(UniverSegConfiguration((4, 4))))

    def work(value: int) -> object:
        torch.nn.init.constant_(next(model.parameters()), float(value))
        return save_weights(model, folder / "w.safetensors", "universeg", {"value": value})

    return work, [folder / "w.safetensors", folder / "w.json"]


def export_of_several_files(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    patch.setattr(weight_files, "_MOST_BYTES", 3000)
    model = build(preset("universeg").configuration(UniverSegConfiguration((8, 8))))

    def work(value: int) -> object:
        for parameter in model.parameters():
            torch.nn.init.constant_(parameter, float(value))
        return save_weights(model, folder / "w.safetensors", "universeg", {"value": value}, 16)

    further = [folder / f"w-{i:05}-of-00005.safetensors" for i in (2, 3, 4, 5)]
    return work, [folder / "w.safetensors", folder / "w.json", *further]


def calibration(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    export(folder, patch)[0](0)
    path = folder / "w.safetensors"
    return lambda value: write_calibration(path, {"temperature": 1.0 + value, "more": [value] * 9999}), [
        folder / "w.json"
    ]


def checkpoint(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    def work(value: int) -> None:
        weights = {"w": torch.full((9000,), float(value))}
        Checkpoint(value, weights, weights, {}, torch.zeros(1), {}).save(folder / CHECKPOINT)

    return work, [folder / CHECKPOINT]


def new_training(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    """The first checkpoint of `train --no-resume`, with its log."""

    def work(value: int) -> None:
        weights = {"w": torch.full((9000,), float(value))}
        files = RunFiles(folder, anew=True)
        for step in range(2000):
            files.log({"step": step, "value": value})
        files.save(Checkpoint(value, weights, weights, {}, torch.zeros(1), {}))

    return work, [folder / CHECKPOINT, folder / LOG]


def inspection(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    """What the panel exports, in the same way."""

    def work(value: int) -> None:
        with StagedFiles() as files:
            for path in (folder / "a.json", folder / "b.json"):
                stage_json(files, [value] * 10_000, path)
            files.commit()

    return work, [folder / "a.json", folder / "b.json"]


def library(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    """`library add`; every change of a library, step by step, in Testing/Python/library/test_kills.py."""
    painted = inputs(folder)[1]

    def work(value: int) -> None:
        write_like(GRID.array + np.int16(value), GRID, scan := folder / "in" / f"{value}.nii")
        names = ["--names", "1=liver"]
        if main(["library", "add", str(folder / "library"), str(scan), str(painted), *names]) != 0:
            raise InputError("refused")

    return work, [folder / "library" / "library.json"]


def follow(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Work, list[Path]]:
    """A frame of `follow`."""
    sequence = SimpleNamespace(names=("one",), files=(Path("scan"),), state=lambda _: [])
    files = FrameFiles(folder, sequence, 0, ".seg.nrrd", [])

    def work(value: int) -> None:
        files.write(0, GRID, Segmentation(np.full(SHAPE, value, np.uint8)), {"value": value})

    return work, [files.segmentation(0), files.report(0)]


WRITERS = [
    propagate, segment, cohort, demo, summary, figure, export, export_of_several_files, calibration, checkpoint,
    new_training, inspection, library, follow,
]  # fmt: skip


def content(files: list[Path]) -> list[bytes | None]:
    return [path.read_bytes() if path.exists() else None for path in files]


def everywhere(folder: Path) -> list[Path]:
    """A file in each folder: where runs that were killed may have left something, and the next ones write."""
    folders = [folder, *(one for one in folder.rglob("*") if one.is_dir() and ".patchicl-" not in str(one))]
    return [one / "any" for one in folders]


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Work, list[Path]]]:
    with pytest.MonkeyPatch.context() as patch:
        yield request.param(tmp_path, patch)


def test_killed_at_any_step(writer: tuple[Work, list[Path]], death, tmp_path: Path) -> None:
    work, files = writer
    work(1)
    old, template = content(files), tmp_path.with_name(f"{tmp_path.name}-template")
    shutil.copytree(tmp_path, template)
    assert death.run(lambda: work(2))
    total, outcomes = death.count, []
    # where many files are written every third step; every single one of such commits in test_kills.py
    for step in range(max(0, total - 36), total + 1, 3 if total > 40 else 1):
        shutil.rmtree(tmp_path)
        shutil.copytree(template, tmp_path)
        ended = death.run(lambda: work(2), after=step)
        assert None not in content(files)
        recover_folders(everywhere(tmp_path))
        now = content(files)
        new = [after != before for after, before in zip(now, old, strict=True)]
        assert all(new) or (not any(new) and not ended)
        outcomes.append(all(new))
        assert not list(tmp_path.rglob(".patchicl-*"))
        data = [path.name for path in tmp_path.iterdir() if path.name.endswith((".zraw", ".raw.gz"))]
        assert len(data) == sum(path.suffix in (".mhd", ".nhdr") for path in files)
    assert outcomes == sorted(outcomes) and set(outcomes) == {False, True}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits a child's files as POSIX does")
@pytest.mark.parametrize("room", [0, 100])
def test_full_disk(writer: tuple[Work, list[Path]], tmp_path: Path, room: int) -> None:
    import resource

    work, files = writer
    for first in (False, True):
        if first:
            work(1)
        before = content(files)
        child = os.fork()
        if child == 0:
            code = 3
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
                work(2)
                code = 4
            except InputError:
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        recover_folders(everywhere(tmp_path))
        assert content(files) == before
        assert not list(tmp_path.rglob(".patchicl-*"))
