"""Which Python the worker runs with, and in which environment."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.runtime.child_process import make_safe
from PatchICLLib.runtime.thread_waiting import choose_thread_waiting


def find_python() -> Path:
    """The Python interpreter that belongs to this process.

    Outside Slicer that is ``sys.executable``. Inside, ``sys.executable`` may be the application itself, which must
    not be started a second time; the interpreter with Slicer's packages is ``PythonSlicer``, in Slicer's ``bin``.

    Raises:
        InputError: there is none; pass ``python=`` then.
    """
    executable = Path(sys.executable) if sys.executable else None
    if executable is not None and executable.stem.lower().startswith("python") and executable.stem != "python-real":
        return executable
    name = "PythonSlicer.exe" if sys.platform == "win32" else "PythonSlicer"
    folders: list[Path] = []
    if executable is not None:  # Slicer (launcher) lies above bin, SlicerApp-real and python-real lie in it
        folders += [executable.parent, executable.parent / "bin", executable.parent.parent / "bin"]
    if "SLICER_HOME" in os.environ:
        folders.append(Path(os.environ["SLICER_HOME"]) / "bin")
    for prefix in (sys.prefix, sys.exec_prefix):  # Slicer's is lib/Python
        folders.append(Path(prefix).parent.parent / "bin")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    if found := shutil.which("PythonSlicer"):
        return Path(found)
    raise InputError(
        f"There is no Python interpreter next to {sys.executable or 'this program'} to run the worker with; "
        "pass the path of one that has torch as python=."
    )


def worker_environment(own_python: bool, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Environment variables for a worker.

    Args:
        own_python: whether it runs with the interpreter of this process. A foreign one must not inherit where this
            one (Slicer) looks for its packages.
        changes: variables to set, or to remove where the value is None. PYTHONPATH is added to, not replaced.
    """
    environment = dict(os.environ)
    if not own_python:
        environment.pop("PYTHONHOME", None)
        environment.pop("PYTHONPATH", None)
    environment["PYTHONFAULTHANDLER"] = "1"  # a crash in a library says where
    choose_thread_waiting(environment)
    environment["PYTHONIOENCODING"] = "utf-8:backslashreplace"
    for name, value in (changes or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    make_safe(environment)
    ours = str(Path(__file__).absolute().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [ours, environment.get("PYTHONPATH")]))
    return environment
