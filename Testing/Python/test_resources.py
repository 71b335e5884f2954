"""Bundled files are found in a checkout, in a wheel, and their absence is told."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from PatchICLLib import resources
from PatchICLLib.version import __version__


def test_checkout_uses_the_folder_beside_the_package(repository: Path) -> None:
    assert resources.resources_directory() == repository / "Resources"
    assert resources.resource_path("SampleData/brain_t1.nii.gz").is_file()


def test_installed_package_uses_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "PatchICLLib"
    for folder in (package / "Resources" / "Weights", package.parent / "Resources"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", package)
    assert resources.resource_path("Weights") == package / "Resources" / "Weights"


def test_missing_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "PatchICLLib")
    with pytest.raises(resources.ResourceError, match="Resources folder of PatchICL is missing"):
        resources.resources_directory()


def test_missing_file_is_told() -> None:
    with pytest.raises(resources.ResourceError, match="nothing.here is missing"):
        resources.resource_path("SampleData/nothing.here")


def test_installed_metadata_has_the_version_of_the_sources() -> None:
    assert importlib.metadata.version("patchicl") == __version__


@pytest.mark.slow
def test_wheel_carries_sample_and_weights_and_finds_them(repository: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=repository, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert not list(installed.rglob("CMakeLists.txt"))

    code = "from PatchICLLib.resources import resource_path; print(resource_path('SampleData/brain_t1_labels.json'))"
    # -I: neither the checkout's folder nor PYTHONPATH; the .pth of the editable install comes after what is inserted.
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(installed)!r}); {code}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(answer.stdout.strip()) == installed / "PatchICLLib/Resources/SampleData/brain_t1_labels.json"
    weights = {path.name for path in (repository / "Resources" / "Weights").iterdir()}
    assert {path.name for path in (installed / "PatchICLLib/Resources/Weights").iterdir()} == weights
