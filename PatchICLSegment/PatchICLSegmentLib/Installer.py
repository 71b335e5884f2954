"""The optional packages: what is missing, how large it is, how it is installed, and a report that can be copied.

Nothing is imported or installed before the user asks for it: the module opens without PyTorch.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.runtime.child_process import safe_path
from PatchICLLib.version import __version__

from .Errors import SceneError
from .Translation import _

REQUIREMENTS = Path(__file__).resolve().parents[1] / "Resources" / "requirements.txt"
PROVIDED_BY_SLICER = ("numpy", "SimpleITK", "torch")


@dataclass(frozen=True)
class Package:
    """One package that the worker needs: its name, what for, and about how much is downloaded, in megabytes."""

    name: str
    purpose: str
    megabytes: int


def packages() -> tuple[Package, ...]:
    torchSize = 220 if sys.platform == "darwin" or platform.machine() in ("arm64", "aarch64") else 2900
    return (
        Package("torch", _("runs the network; the build for this computer's graphics card is chosen"), torchSize),
        Package("scipy", _("distances between painted slices"), 38),
        Package("safetensors", _("reads the weights"), 1),
        Package("typer", _("the patchicl command"), 1),
        Package("rich", _("progress and tables of the patchicl command"), 1),
    )


class PackageInstaller:
    """Installs into the Python of the application.

    Args:
        isInstalled: whether a distribution is there; runPip: runs `python -m pip` with arguments;
        torchUtilities: returns the logic of the PyTorch extension, or None where it is not installed.
    """

    def __init__(
        self,
        isInstalled: Callable[[str], bool] | None = None,
        runPip: Callable[[Sequence[str]], None] | None = None,
        torchUtilities: Callable[[], Any] | None = None,
    ):
        self._isInstalled = isInstalled or distributionIsInstalled
        self._runPip = runPip or runPip_
        self._torchUtilities = torchUtilities or pyTorchExtension

    def missingPackages(self) -> list[Package]:
        return [package for package in packages() if not self._isInstalled(package.name)]

    def isReady(self) -> bool:
        return not self.missingPackages()

    def needsExtension(self) -> bool:
        """Whether the PyTorch extension has to come first."""
        return not self._isInstalled("torch") and self._torchUtilities() is None

    def explanation(self) -> str:
        """What `install` would do, before it does anything."""
        missing = self.missingPackages()
        if not missing:
            return _("Everything that PatchICL needs is installed.")
        total = sum(package.megabytes for package in missing)
        lines = [_("To be installed into Slicer's Python, about {total} MB to download:").format(total=total)]
        lines += [f"- {package.name} ({package.megabytes} MB): {package.purpose}" for package in missing]
        if any(package.name == "torch" for package in missing):
            if self._torchUtilities() is not None:
                lines.append(_("The PyTorch extension chooses the build of torch that fits the graphics card."))
            else:
                lines.append(
                    _("Install the PyTorch extension first: it chooses the build of torch that fits the graphics card.")
                )
        return "\n".join(lines)

    def install(self, wheelFolder: str = "") -> None:
        """Installs what is missing; with a folder of wheels nothing is downloaded.

        Raises:
            SceneError: it cannot be done, with what to do.
        """
        missing = [package.name for package in self.missingPackages()]
        if wheelFolder:
            if not list(Path(wheelFolder).glob("*.whl")):
                raise SceneError(
                    _("The folder {folder} holds no wheels (*.whl); download them with pip download first.").format(
                        folder=wheelFolder
                    )
                )
            source = ["--no-index", "--find-links", wheelFolder]
            self._pipInstall(missing, source)
            return
        if "torch" in missing:
            utilities = self._torchUtilities()
            if utilities is None:
                raise SceneError(
                    _("PyTorch is missing; install the PyTorch extension (Extensions Manager) and restart Slicer.")
                )
            if utilities.installTorch(askConfirmation=True) is None:
                raise SceneError(_("PyTorch was not installed; see the application log, then try again."))
            missing.remove("torch")
        self._pipInstall(missing, [])

    def uninstall(self) -> None:
        """Removes what this module installed, except what Slicer itself brings."""
        names = [package.name for package in packages() if package.name not in PROVIDED_BY_SLICER]
        installed = [name for name in names if self._isInstalled(name)]
        if installed:
            self._runPip(["uninstall", "--yes", *installed])

    def report(self, workerHealth: Mapping[str, Any] | None = None) -> str:
        """Versions, device, memory and weights, as text to copy into a question or a bug report."""
        lines = [f"PatchICL {__version__}, Slicer {slicerVersion()}", f"Python {platform.python_version()}"]
        lines.append(f"system: {platform.platform()}")
        for package in packages():
            version = versionOf(package.name) if self._isInstalled(package.name) else _("not installed")
            lines.append(f"{package.name}: {version}")
        lines += [f"{name}: {versionOf(name)}" for name in ("numpy", "SimpleITK")]
        lines.append(_("memory: {gigabytes}").format(gigabytes=totalMemory()))
        if workerHealth is None:
            lines.append(_("worker: not running"))
        else:
            lines += [f"worker {name}: {_plain(value)}" for name, value in workerHealth.items()]
        return "\n".join(lines)

    def _pipInstall(self, names: Sequence[str], source: Sequence[str]) -> None:
        bounds = requirementBounds()
        wanted = [bounds.get(name, name) for name in names]
        if wanted:
            self._runPip(["install", "--only-binary", ":all:", *source, *wanted])


def requirementBounds() -> dict[str, str]:
    """Package name -> requirement with its lower bound, from Resources/requirements.txt."""
    lines = (line.strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    return {line.split(">=")[0]: line for line in lines if line and not line.startswith("#")}


def distributionIsInstalled(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def versionOf(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # also of what was copied into place
        return _("unknown")


def slicerVersion() -> str:
    import slicer

    app = getattr(slicer, "app", None)
    return app.applicationVersion if app is not None else versionOf("slicer-core")


def totalMemory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return _("unknown")
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GB"


def runPip_(arguments: Sequence[str]) -> None:
    """pip in the application's Python: Slicer's own helper where there is one, else this interpreter.

    Raises:
        SceneError: pip failed; its last lines are in the message.
    """
    import slicer.util

    try:
        with safe_path():  # pip is a Python as well
            if arguments[0] == "install" and hasattr(slicer, "app"):
                slicer.util.pip_install(list(arguments[1:]))
                return
            if arguments[0] == "uninstall" and hasattr(slicer, "app"):
                slicer.util.pip_uninstall([name for name in arguments[1:] if not name.startswith("-")])
                return
            command = [sys.executable, "-m", "pip", *arguments]
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        output = str(error.stderr or error.output or error)
        raise SceneError(
            _("Packages could not be installed. pip said: {output}").format(output=" ".join(output.split())[-400:])
        ) from error


def pyTorchExtension():
    """The logic of the PyTorch extension, None where the extension is not installed."""
    try:
        import PyTorchUtils
    except ImportError:
        return None
    return PyTorchUtils.PyTorchUtilsLogic()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
