"""The install page: it says what would happen, and does nothing unasked."""

import re
import subprocess
import sys

import pytest
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Installer import PackageInstaller, packages, requirementBounds, runPip_


class Pip:
    def __init__(self, installed=()):
        self.installed = set(installed)
        self.calls = []

    def __call__(self, arguments):
        self.calls.append(list(arguments))

    def has(self, name):
        return name in self.installed


class TorchUtilities:
    installed = False
    answer = object()

    def installTorch(self, askConfirmation=False):
        self.installed = True
        return self.answer


@pytest.mark.slow
def testModuleImportsWithoutOptionalPackages(repository):
    """Everything but numpy, vtk and slicer is forbidden; importing the module must not need it."""
    code = """
import sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        optional = {"torch", "scipy", "safetensors", "typer", "rich", "SimpleITK", "qt", "ctk", "PySide6"}
        if name.split(".")[0] in optional:
            raise ImportError(name + " is optional")
sys.meta_path.insert(0, Forbidden())
import importlib, pathlib
root = pathlib.Path("PatchICLSegment/PatchICLSegmentLib")
for path in sorted(root.rglob("*.py")):
    parts = path.relative_to(root.parent).with_suffix("").parts
    if "Panel" not in parts:
        importlib.import_module(".".join(parts))
print("fine")
"""
    environment = {"PYTHONPATH": f"{repository / 'PatchICLSegment'}", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "fine", done.stderr


def testExplanationNamesSizesAndTheExtension():
    text = PackageInstaller(isInstalled=Pip(["scipy"]).has, torchUtilities=lambda: None).explanation()
    assert "PyTorch extension" in text and "scipy" not in text
    for package in packages():
        if package.name != "scipy":
            assert re.search(rf"{package.name} \({package.megabytes} MB\): \w", text)
    everything = Pip([package.name for package in packages()])
    assert PackageInstaller(isInstalled=everything.has).isReady()


def testInstallUsesThePyTorchExtension():
    pip, utilities = Pip(["scipy"]), TorchUtilities()
    PackageInstaller(pip.has, pip, lambda: utilities).install()
    assert utilities.installed
    assert pip.calls == [
        ["install", "--only-binary", ":all:", *(requirementBounds()[name] for name in ("safetensors", "typer", "rich"))]
    ]


def testInstallWithoutTheExtensionSaysWhatToDo():
    pip = Pip()
    with pytest.raises(SceneError, match="PyTorch extension"):
        PackageInstaller(pip.has, pip, lambda: None).install()
    declined = TorchUtilities()
    declined.answer = None
    with pytest.raises(SceneError, match="not installed"):
        PackageInstaller(pip.has, pip, lambda: declined).install()
    assert pip.calls == []


def testOfflineInstallLooksNowhereElse(tmp_path):
    pip = Pip(["scipy", "typer", "rich"])
    installer = PackageInstaller(pip.has, pip, lambda: None)
    with pytest.raises(SceneError, match="no wheels"):
        installer.install(str(tmp_path))
    (tmp_path / "safetensors-1.0-py3-none-any.whl").touch()
    installer.install(str(tmp_path))
    assert pip.calls == [
        ["install", "--only-binary", ":all:", "--no-index", "--find-links", str(tmp_path), "torch", "safetensors>=0.4"]
    ]


def testUninstallLeavesWhatSlicerBrings():
    pip = Pip(["torch", "scipy", "rich"])
    PackageInstaller(pip.has, pip).uninstall()
    assert pip.calls == [["uninstall", "--yes", "scipy", "rich"]]


def testReportCanBeCopied():
    health = {"device": "cuda", "weights": {"name": "sparse", "sha256": "ab12"}, "memory": {"peak_bytes": 5}}
    text = PackageInstaller(isInstalled=lambda name: name == "scipy").report(health)
    assert "torch: not installed" in text and re.search(r"scipy: \d+\.\d+", text)
    assert "worker device: cuda" in text and "ab12" in text
    assert "worker: not running" in PackageInstaller().report()


def testPipFailureIsToldInOneSentence():
    with pytest.raises(SceneError, match="pip said"):
        runPip_(["install", "--no-index", "a-package-that-does-not-exist-anywhere"])
