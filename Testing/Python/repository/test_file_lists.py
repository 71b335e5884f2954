"""The tool behind `make cmake-lists`, and the lists themselves: Slicer installs only files that are listed."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def tool(repository: Path) -> ModuleType:
    path = repository / "Utilities" / "update_cmake_lists.py"
    specification = importlib.util.spec_from_file_location("update_cmake_lists", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("module_name", ["PatchICLLib", "PatchICLSegment", "SegmentEditorPatchICL"])
def test_every_file_of_a_module_is_listed(tool: ModuleType, repository: Path, module_name: str) -> None:
    assert tool.differences(repository / module_name) == []


@pytest.fixture
def small_module(tmp_path: Path) -> Path:
    module = tmp_path / "Small"
    for name in ("__init__.py", "part/a.py", "Resources/UI/Small.ui", "Testing/test_small.py", "part/__pycache__/a.py"):
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text("")
    (module / "CMakeLists.txt").write_text(
        "set(MODULE_NAME Small)\n"
        "set(MODULE_PYTHON_SCRIPTS\n  __init__\n  part/gone.py\n  )\n"
        "set(MODULE_PYTHON_RESOURCES\n  Resources/UI/${MODULE_NAME}.ui\n  )\n"
        "build()\n"
    )
    return module


def test_differences_name_missing_and_stale_entries(tool: ModuleType, small_module: Path) -> None:
    assert tool.differences(small_module) == [
        "Small/part/a.py is not in MODULE_PYTHON_SCRIPTS",
        "MODULE_PYTHON_SCRIPTS of Small names part/gone.py, which does not exist",
    ]


def test_rewriting_leaves_no_difference_and_nothing_else_changed(tool: ModuleType, small_module: Path) -> None:
    tool.rewrite(small_module)
    assert tool.differences(small_module) == []
    text = (small_module / "CMakeLists.txt").read_text(encoding="utf-8")
    assert text == (
        "set(MODULE_NAME Small)\n"
        "set(MODULE_PYTHON_SCRIPTS\n  __init__.py\n  part/a.py\n  )\n"
        "set(MODULE_PYTHON_RESOURCES\n  Resources/UI/Small.ui\n  )\n"
        "build()\n"
    )
