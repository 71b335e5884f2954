"""A process that dies at any change of a file leaves all old files or all new ones once the next run has recovered."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, image_output
from PatchICLLib.images.writing import stage_image
from PatchICLLib.outputs import Output, StagedFiles, check_outputs, stage_json

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
SHAPE = (2, 3, 4)
GRID = Volume(np.zeros(SHAPE, np.uint8), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()), Path("scan"), "")


def write(files: dict[str, Path], value: int, before_commit: Callable[[], None] = lambda: None) -> None:
    """Write the same value into every file: an image, or JSON."""
    with StagedFiles() as staged:
        for path in files.values():
            if path.suffix == ".json":
                stage_json(staged, value, path)
            else:
                stage_image(staged, np.full(SHAPE, value, np.uint8), GRID, path)
        before_commit()
        staged.commit()


def value_of(path: Path) -> int | None:
    """What `write` wrote, from a complete file; None if there is no file."""
    if not path.exists():
        return None
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    (value,) = np.unique(array)
    return int(value)


def check(files: dict[str, Path]) -> None:
    """What the next run does before it computes."""
    check_outputs(
        [
            Output(name, path) if path.suffix == ".json" else image_output(name, path)
            for name, path in files.items()
        ],
        {},
    )  # fmt: skip


def arrangements(folder: Path) -> dict[str, dict[str, Path]]:
    single = {ending: {"OUTPUT": folder / f"out{ending}"} for ending in ENDINGS}
    several = {
        "with a report": {"OUTPUT": folder / "out.nii.gz", "--report": folder / "out.json"},
        "two of two files": {"OUTPUT": folder / "a.mhd", "--entropy": folder / "a.nhdr"},
        "two folders": {"OUTPUT": folder / "out.mhd", "--report": folder / "other" / "out.json"},
        "three folders": {
            "OUTPUT": folder / "other" / "out.nhdr",
            "--report": folder / "out.json",
            "--selections": folder / "third" / "out.json",
        },
        "through a link": {"OUTPUT": folder / "link.nrrd", "--report": folder / "out.json"},
    }
    return {**single, **several}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A folder with what the arrangements need."""
    folder = tmp_path / "template"
    for one in (folder, folder / "other", folder / "third"):
        one.mkdir()
    (folder / "link.nrrd").symlink_to(Path("other") / "real.nrrd")
    return folder


@pytest.mark.parametrize(
    ("name", "existed"),
    [*((name, True) for name in arrangements(Path())), (".nii.gz", False), (".mhd", False), ("three folders", False)],
)
def test_all_old_or_all_new(tmp_path: Path, template: Path, death, name: str, existed: bool) -> None:
    folder = tmp_path / "folder"
    (template / "out.raw").write_bytes(b"a stranger's")
    if existed:
        write(arrangements(template)[name], 1)
    files = arrangements(folder)[name]
    old, seen = (1 if existed else None), set()
    shutil.copytree(template, folder, symlinks=True)
    before_commit: list[int] = []
    death.run(lambda: write(files, 2, lambda: before_commit.append(death.count)))
    shutil.rmtree(folder)
    assert death.count - before_commit[0] >= 4
    for steps in (*range(0, before_commit[0], 3), *range(before_commit[0], death.count + 1)):
        shutil.copytree(template, folder, symlinks=True)
        ended = death.run(lambda: write(files, 2), after=steps)
        for path in files.values():  # each by itself is complete at any time
            assert value_of(path) in (old, 2)
        check(files)
        values = {value_of(path) for path in files.values()}
        assert values in ({old}, {2})
        assert ended <= (values == {2})
        seen |= values
        left = sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        assert (folder / "out.raw").read_bytes() == b"a stranger's"
        assert (folder / "link.nrrd").is_symlink()
        stray = [str(path) for path in folder.rglob("*") if ".patchicl-" in str(path)]
        assert not stray, steps
        data = [name for name in left if name.endswith((".zraw", ".raw.gz"))]
        assert len(data) == sum(path.suffix in (".mhd", ".nhdr") and path.exists() for path in files.values())
        shutil.rmtree(folder)
    assert seen == {old, 2}


@pytest.mark.parametrize("existed", [True, False], ids=["replaces", "creates"])
def test_a_recovery_that_dies_is_done_again(tmp_path: Path, template: Path, death, existed: bool) -> None:
    """Death at every step of a commit, then at every step of the recovery, then a recovery in peace."""
    folder = tmp_path / "folder"
    if existed:
        write(arrangements(template)["two folders"], 1)
    files = arrangements(folder)["two folders"]
    shutil.copytree(template, folder, symlinks=True)
    death.run(lambda: write(files, 2))
    steps = death.count
    shutil.rmtree(folder)
    for step in range(8, steps, 4):  # before that nothing is in place
        repeat, recovered = 0, False
        while not recovered:
            shutil.copytree(template, folder, symlinks=True)
            assert not death.run(lambda: write(files, 2), after=step)
            recovered = death.run(lambda: check({"--report": files["--report"]}), after=repeat)
            check(files)
            assert {value_of(path) for path in files.values()} in ({1 if existed else None}, {2})
            shutil.rmtree(folder)
            repeat += 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("ending", [".mhd", ".nii.gz"])
def test_real_deaths(tmp_path: Path, death, ending: str) -> None:
    """The same with processes that end for good, whose locks the system releases."""
    files = {"OUTPUT": tmp_path / f"out{ending}", "--report": tmp_path / "out.json"}
    write(files, 1)
    death.run(lambda: write(files, 2))
    total = death.count
    seen = set()
    for step in range(0, total + 1, 3):
        check(files)
        write(files, 1)
        child = os.fork()
        if child == 0:
            death.kill = lambda: os._exit(9)
            death.run(lambda: write(files, 2), after=step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        check(files)
        values = {value_of(path) for path in files.values()}
        assert values in ({1}, {2}) and (os.waitstatus_to_exitcode(status) == 0) <= (values == {2})
        assert not list(tmp_path.glob(".patchicl-*"))
        seen |= values
    assert seen == {1, 2}


def test_a_stage_that_lives_is_left_alone(tmp_path: Path) -> None:
    files = {"OUTPUT": tmp_path / "out.mhd", "--report": tmp_path / "out.json"}
    write(files, 1)
    write(files, 2, before_commit=lambda: check(files))
    assert {value_of(path) for path in files.values()} == {2}


def test_a_move_that_fails_undoes_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"OUTPUT": tmp_path / "out.mhd", "--report": tmp_path / "out.json", "--entropy": tmp_path / "new.nrrd"}
    write({name: files[name] for name in ("OUTPUT", "--report")}, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target) == files["--entropy"]:
            raise PermissionError(13, "file is open elsewhere", str(source), None, str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match=r"new.nrrd cannot be written \(file is open elsewhere\); nothing was changed"):
        write(files, 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_somebody_wrote_after_a_death_stays(tmp_path: Path, death) -> None:
    """A recovery finds the user's own files in the places of the ones that it would put back or remove."""
    files = {"OUTPUT": tmp_path / "out.mhd", "--report": tmp_path / "out.json"}
    write(files, 1)
    template = tmp_path.with_name("template")
    shutil.copytree(tmp_path, template)
    death.run(lambda: write(files, 2))
    for step in range(death.count):
        shutil.rmtree(tmp_path)
        shutil.copytree(template, tmp_path)
        death.run(lambda: write(files, 2), after=step)
        for name in ("out.mhd", "out.zraw", "out-2.zraw", "out.json"):
            (tmp_path / name).unlink(missing_ok=True)
            (tmp_path / name).write_bytes(b"the user's own, written after the death of the process")
        check({"OUTPUT": tmp_path / "other.nii"})
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert len(found) == 4 and set(found.values()) == {b"the user's own, written after the death of the process"}


@pytest.mark.parametrize("planted", ["../precious.txt", "/etc/precious", "", ".."])
def test_a_journal_has_power_over_its_own_folder_only(tmp_path: Path, planted: str) -> None:
    (tmp_path / "precious.txt").write_text("precious")
    folder = tmp_path / "shared"
    stage = folder / ".patchicl-planted"
    stage.mkdir(parents=True)
    (stage / "lock").touch()
    move = {"staged": "0/x", "final": planted, "existed": False, "size": 8, "changed": 0}
    old = {"name": planted, "size": 8, "changed": 0}
    journal = {"leader": str(stage), "members": [], "moves": [move], "old_data": [old]}
    for name in ("journal.json", "done.json"):
        (stage / name).write_text(json.dumps(journal))
    with pytest.raises(InputError, match="not writable"):
        check({"OUTPUT": folder / "out.nii"})
    assert (tmp_path / "precious.txt").read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="needs hard links to be refused")
def test_without_hard_links(tmp_path: Path, death, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    files = {"OUTPUT": tmp_path / "out.nii", "--report": tmp_path / "out.json"}
    write(files, 1)
    death.run(lambda: write(files, 2))
    seen = set()
    for step in range(death.count + 1):
        write(files, 1)
        death.run(lambda: write(files, 2), after=step)
        check(files)
        values = {value_of(path) for path in files.values()}
        assert values in ({1}, {2})
        seen |= values
    assert seen == {1, 2}
