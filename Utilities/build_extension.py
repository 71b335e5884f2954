"""Writes the archive that Slicer's *Extensions Manager > Install from file* takes.

python Utilities/build_extension.py --slicer-version 5.10 --slicer-revision 34045 --platform linux-amd64 --output dist
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = ROOT / "Testing" / "StandIn" / "SlicerBuild"
PLATFORMS = ("linux-amd64", "macosx-amd64", "macosx-arm64", "win-amd64")


def build(version: str, revision: str, platform: str, output: Path) -> Path:
    """The archive, built by the project's CMakeLists.txt with CMake.

    Args:
        version: of Slicer, such as 5.10: part of the folders that it looks in.
        revision: of Slicer, as *Help > About* shows it: on macOS part of the folders as well.
        platform: one of PLATFORMS.
        output: folder to write into, made if missing.

    Raises:
        SystemExit: what CMake says.
    """
    system, architecture = platform.split("-")
    with tempfile.TemporaryDirectory() as folder:
        facts = {
            "Slicer_DIR": STAND_IN,
            "Slicer_VERSION": version,
            "Slicer_REVISION": revision,
            "Slicer_OS": system,
            "Slicer_ARCHITECTURE": architecture,
            "EXTENSION_REVISION": _git("rev-parse", "--short=7", "HEAD") or "unknown",
            "EXTENSION_DATE": _git("log", "-1", "--format=%cs") or "1970-01-01",
            "BUILD_TESTING": "OFF",
        }
        _run("cmake", "-S", ROOT, "-B", folder, *(f"-D{name}={value}" for name, value in facts.items()))
        _run("cpack", "--config", Path(folder, "CPackConfig.cmake"), "-B", Path(folder, "package"))
        ending = "*.zip" if system == "win" else "*.tar.gz"
        (made,) = Path(folder, "package").glob(ending)
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(made, output))


def _git(*arguments: str) -> str:
    """What git says of the checkout; nothing where the sources are no checkout."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _run(program: str, *arguments: object) -> None:
    # the environment's own CMake goes first: it is the pinned one
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        raise SystemExit(f"{program} is missing: install CMake, for instance with `pip install cmake`.")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{program} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slicer-version", required=True, metavar="X.Y", help="see Help > About 3D Slicer")
    parser.add_argument("--slicer-revision", default="0", metavar="N", help="see there; macOS needs it")
    parser.add_argument("--platform", choices=PLATFORMS, default="linux-amd64")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args()
    if chosen.platform.startswith("macosx") and chosen.slicer_revision == "0":
        parser.error("macOS needs --slicer-revision: the archive's folders carry it")
    print(build(chosen.slicer_version, chosen.slicer_revision, chosen.platform, chosen.output))


if __name__ == "__main__":
    main()
