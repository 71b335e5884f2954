"""What holds for the files of the repository as a whole."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SLICER_PACKAGES = {"slicer", "qt", "ctk", "vtk", "vtkmodules"}
# Slicer's own filters are the peers that the product is measured against.
MAY_USE_SLICER = ("baselines", "evaluation")


@pytest.fixture(scope="module")
def tracked_files(repository: Path) -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := repository / name).is_file()]


def imports(tree: ast.AST) -> set[str]:
    """The first parts of all modules imported anywhere below a node."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def test_no_tracked_file_is_larger_than_4_mb(tracked_files: list[Path], repository: Path) -> None:
    large = [str(path.relative_to(repository)) for path in tracked_files if path.stat().st_size > 4 * 1024**2]
    assert large == []


def test_modules_are_short(repository: Path) -> None:
    modules = [path for package in ("PatchICLLib", "PatchICLSegment") for path in (repository / package).rglob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert [str(path.relative_to(repository)) for path, length in lengths.items() if length > 300] == []


def test_weights_together_stay_under_20_mb(repository: Path) -> None:
    assert sum(path.stat().st_size for path in (repository / "Resources" / "Weights").iterdir()) < 20 * 1000**2


def test_the_library_does_not_reach_up_into_slicer(repository: Path) -> None:
    library = repository / "PatchICLLib"
    offenders = []
    for path in library.rglob("*.py"):
        relative = path.relative_to(library)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Peers may import Slicer inside a function, so that everything else works without it.
        top_level = ast.Module([node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)], [])
        used = imports(top_level if relative.parts[0] in MAY_USE_SLICER else tree) & SLICER_PACKAGES
        offenders += [f"{relative} imports {name}" for name in used]
    assert offenders == []


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, PatchICLLib; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_constraints_are_exact_versions_without_addresses(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not line.startswith("#") and not re.fullmatch(r"[\w.-]+==[\w.]+", line)]
    assert wrong == []


def test_every_dependency_is_pinned(repository: Path) -> None:
    def normalised(requirement: str) -> str:
        return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()

    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {normalised(text) for text in project["dependencies"]}
    wanted |= {normalised(text) for extra in project["optional-dependencies"].values() for text in extra}
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert wanted - {normalised(line) for line in lines if not line.startswith("#")} == set()


def test_pictures_and_files_that_the_readme_links_exist(repository: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (repository / "README.md").read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert local
    assert [target for target in local if not (repository / target).exists()] == []
