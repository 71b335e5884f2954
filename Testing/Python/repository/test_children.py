"""No place starts a process but those that do it safely: `child_process`, and the few that it lets."""

import ast
from pathlib import Path

import pytest

# What can start a process, and the places that may name it: each starts them by `child_process`.
STARTERS = {
    "subprocess": {"PatchICLLib/worker/process.py", "PatchICLSegment/PatchICLSegmentLib/Installer.py"},
    "multiprocessing": {"PatchICLLib/runtime/child_process.py"},
    "concurrent.futures.ProcessPoolExecutor": {"PatchICLLib/runtime/child_process.py"},
    "distributed": {"PatchICLLib/cohort/dask_pool.py"},
    "torch.utils.data.DataLoader": {"PatchICLLib/training/trainer.py"},
    "torch.multiprocessing": set(),
    "torch.distributed.run": set(),
    "asyncio": set(),
    "joblib": set(),
    "pty": set(),
    "qt.QProcess": set(),
}
HARMLESS = {"multiprocessing.connection", "multiprocessing.process"}  # pipes between processes; a type
OF_OS = ("system", "popen", "exec", "spawn", "posix_spawn", "fork", "startfile")


def named(tree: ast.AST) -> set[str]:
    """Full names of all modules imported, of what is taken from them, and of attributes."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module not in HARMLESS:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in STARTERS or name.startswith("os."):
                found.add(name)
    return found


def starters(source: str) -> set[str]:
    names = named(ast.parse(source))
    found = {starter for starter in STARTERS for name in names if f"{name}.".startswith(f"{starter}.")}
    return found | {name for name in names if name.startswith(tuple(f"os.{name}" for name in OF_OS))}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import subprocess", {"subprocess"}),
        ("def f():\n    from multiprocessing import Pool", {"multiprocessing"}),
        ("from multiprocessing.pool import Pool", {"multiprocessing"}),
        ("from multiprocessing.connection import Connection", set()),
        ("from concurrent.futures import ThreadPoolExecutor", set()),
        ("from concurrent.futures import ProcessPoolExecutor", {"concurrent.futures.ProcessPoolExecutor"}),
        ("import os\nos.execv('a', [])", {"os.execv"}),
        ("import os\nos.spawnl(0, 'a')", {"os.spawnl"}),
        ("import qt\nqt.QProcess()", {"qt.QProcess"}),
        ("import os\nos.environ['A']", set()),
        (
            "import concurrent.futures as f\nimport concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
            {"concurrent.futures.ProcessPoolExecutor"},
        ),
    ],
)
def test_a_place_that_starts_a_process_is_seen(source: str, found: set[str]) -> None:
    assert starters(source) == found


def test_only_these_places_start_processes(repository: Path) -> None:
    offenders = []
    for folder in ("PatchICLLib", "PatchICLSegment", "SegmentEditorPatchICL"):
        for path in (repository / folder).rglob("*.py"):
            name = path.relative_to(repository).as_posix()
            for starter in starters(path.read_text(encoding="utf-8")):
                if name not in STARTERS.get(starter, set()):
                    offenders.append(f"{name} uses {starter}: start processes by PatchICLLib.runtime.child_process")
    assert offenders == []


def test_those_that_may_do_it_safely(repository: Path) -> None:
    for name in set.union(*STARTERS.values()) - {"PatchICLLib/runtime/child_process.py"}:
        source = (repository / name).read_text(encoding="utf-8")
        assert "with starting():" in source or "safe_path()" in source, name
