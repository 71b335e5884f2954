"""The archive for *Extensions Manager > Install from file*: Slicer's rules of name, layout, description; and it works.

The rules are those of Slicer's qSlicerExtensionsManagerModel (installExtension, extractExtensionArchive), of
SlicerExtensionCPack.cmake, and of SlicerDirectories.cmake.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

MODULES = ("PatchICLSegment", "SegmentEditorPatchICL")
STORY = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from Testing.StandIn.Headless import HeadlessSlicer
from Testing.StandIn.Desk import Desk
from Testing.StandIn.EditorDesk import EditorDesk
from Testing.StandIn import PythonQt
import PatchICLLib, PatchICLSegmentLib
from PatchICLSegmentLib.EffectStory import EffectStory
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.Story import Story
from PatchICLSegmentLib.WorkerSession import defaultWorker
for package in (PatchICLLib, PatchICLSegmentLib):
    assert package.__file__.startswith(sys.argv[1]), package.__file__
application = HeadlessSlicer()
desk = Desk(application, PythonQt.application(), makeWorker=defaultWorker)
desk.logic.parameters = Parameters(device="cpu", extent="painted")
try:
    Story(desk.panel, desk).run()
finally:
    desk.panel.cleanup()
application.scene.Clear(False)
effectFile = sys.argv[1] + "/SegmentEditorPatchICLLib/SegmentEditorEffect.py"
desk = EditorDesk(application, PythonQt.application(), defaultWorker, desk.views, effectFile)
desk.logic.parameters = Parameters(device="cpu", extent="painted")
try:
    EffectStory(desk.editor, desk).run()
finally:
    desk.close()
print("the story ended well")
"""


def build(repository: Path, output: Path, *more: str) -> Path:
    command = [sys.executable, repository / "Utilities" / "build_extension.py", "--output", output, *more]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def archive(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("archive")
    return build(repository, output, "--slicer-version", "5.10", "--slicer-revision", "34045")


@pytest.fixture(scope="module")
def installed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked as Slicer does: into an empty folder, the archive's own folder on top taken away."""
    place = tmp_path_factory.mktemp("extensions") / "PatchICL"
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    (top,) = place.iterdir()
    for entry in top.iterdir():
        shutil.move(entry, place)
    top.rmdir()
    return place


def names_in(archive: Path) -> list[str]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            return packed.namelist()
    with tarfile.open(archive) as packed:
        return packed.getnames()


def test_the_name_says_for_what_it_was_made(archive: Path) -> None:
    assert re.fullmatch(
        r"34045-linux-amd64-PatchICL-git([0-9a-f]{7}|unknown)-\d{4}-\d\d-\d\d\.tar\.gz", archive.name
    ), archive.name


def test_slicer_finds_one_description_and_takes_its_name(archive: Path) -> None:
    descriptions = [name for name in names_in(archive) if name.endswith(".s4ext")]
    base = archive.name.removesuffix(".tar.gz")
    assert descriptions == [f"{base}/share/Slicer-5.10/PatchICL.s4ext"]


def test_the_description_agrees_with_the_repository(installed: Path, repository: Path) -> None:
    def facts(path: Path) -> dict[str, str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))

    made, source = facts(installed / "share/Slicer-5.10/PatchICL.s4ext"), facts(repository / "patchicl.s4ext")
    assert source.keys() <= made.keys()
    for key in source.keys() - {"scmrevision"}:
        assert made[key] == source[key], key


def test_modules_library_weights_and_sample_lie_where_slicer_looks(installed: Path) -> None:
    modules = installed / "lib" / "Slicer-5.10" / "qt-scripted-modules"
    assert {path.stem for path in modules.glob("*.py")} == set(MODULES), "every file here is taken for a module"
    for name in (
        "PatchICLSegmentLib/Panel/Panel.py",
        "Resources/UI/PatchICLSegment.ui",
        "Resources/UI/PatchICLEffect.ui",
        "SegmentEditorPatchICLLib/SegmentEditorEffect.py",
        "Resources/Icons/SegmentEditorPatchICL.png",
        "Resources/Icons/PatchICLSegment.png",
        "Resources/requirements.txt",
        "PatchICLLib/__init__.py",
        "PatchICLLib/Resources/SampleData/brain_t1.nii.gz",
    ):
        assert (modules / name).is_file(), name
    assert list((modules / "PatchICLLib/Resources/Weights").glob("sparse-*.safetensors"))
    assert not list(installed.rglob("__pycache__")) and not list(installed.rglob("test_*.py"))


def test_on_macos_it_lies_in_its_own_folder_of_the_application(repository: Path, tmp_path: Path) -> None:
    more = ("--slicer-version", "5.12", "--slicer-revision", "35123", "--platform", "macosx-arm64")
    archive = build(repository, tmp_path, *more)
    top = f"{archive.name.removesuffix('.tar.gz')}/Slicer.app/Contents/Extensions-35123/PatchICL"
    names = names_in(archive)
    assert f"{top}/lib/Slicer-5.12/qt-scripted-modules/PatchICLSegment.py" in names
    assert f"{top}/share/Slicer-5.12/PatchICL.s4ext" in names


def test_windows_gets_a_zip(repository: Path, tmp_path: Path) -> None:
    archive = build(repository, tmp_path, "--slicer-version", "5.10", "--platform", "win-amd64")
    base = archive.name.removesuffix(".zip")
    assert f"{base}/lib/Slicer-5.10/qt-scripted-modules/PatchICLSegment.py" in names_in(archive)


@pytest.mark.parametrize(
    "more", [("--slicer-version", "five"), ("--slicer-version", "5.10", "--platform", "macosx-arm64")]
)
def test_what_slicer_would_not_find_is_not_built(repository: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    command = [sys.executable, str(repository / "Utilities/build_extension.py"), "--output", str(tmp_path), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode and "slicer" in done.stderr.lower() and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_story_runs_from_the_unpacked_archive(installed: Path, repository: Path, tmp_path: Path) -> None:
    """With the network in its worker process: nothing of the checkout is needed but the stand-in for Slicer."""
    pytest.importorskip("slicer", reason="needs slicer-core")
    pytest.importorskip("PySide6", reason="needs PySide6-Essentials")
    modules = installed / "lib" / "Slicer-5.10" / "qt-scripted-modules"
    script = tmp_path / "story.py"
    script.write_text(STORY, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, str(script), str(modules), str(repository)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "the story ended well" in done.stdout, done.stdout[-2000:] + done.stderr[-3000:]
