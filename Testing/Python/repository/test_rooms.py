"""The rooms of the library, which are its folders, import each other one way: downhill in the contributors' picture."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "PatchICLLib"
_PICTURE = re.compile(r"^## The house$.*?^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Order = dict[str, int]


@pytest.fixture(scope="module")
def order(repository: Path) -> Order:
    """The floor of every room, 0 at the top, as CONTRIBUTING.md draws the house."""
    picture = _PICTURE.search((repository / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert picture is not None
    floors = [line.partition("  ")[0].split(", ") for line in picture[1].splitlines()]
    rooms = [room for floor in floors for room in floor]
    assert len(rooms) == len(set(rooms)) > 10
    return {room: level for level, floor in enumerate(floors) for room in floor}


def room_of(path: Path, order: Order) -> str:
    """The innermost folder of a file within the package that the picture shows, else the outermost.

    A file that lies in none is a room of its own.
    """
    folders = [folder.as_posix() for folder in path.parents][:-1]
    return next((folder for folder in folders if folder in order), folders[-1] if folders else path.stem)


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of everything of the package that is imported anywhere in a file, late or for types alone as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom) and node.level > 0:
            yield "." * node.level
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(library: Path, name: str) -> Path:
    """The file, within the package, of an imported module, or of the module that holds what is imported."""
    parts = name.split(".")[1:]
    while parts:
        for candidate in (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py")):
            if (library / candidate).is_file():
                return candidate
        parts.pop()
    return Path("__init__.py")


def uphill(library: Path, order: Order) -> list[str]:
    """What is wrong with the imports below a folder, one line each."""
    wrong = []
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library)
        room = room_of(inside, order)
        if room not in order:
            wrong.append(f"{room} has no place in the house")
            continue
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if name.startswith("."):
                wrong.append(f"{inside.as_posix()} imports relatively")
                continue
            other = room_of(file_of(library, name), order)
            if other != room and order.get(other, -1) <= order[room]:
                wrong.append(f"{inside.as_posix()} imports {name}: {room} does not stand on {other}")
    return list(dict.fromkeys(wrong))


def test_imports_run_one_way(repository: Path, order: Order) -> None:
    assert uphill(repository / PACKAGE, order) == []


def test_the_picture_shows_no_room_that_is_gone(repository: Path, order: Order) -> None:
    library = repository / PACKAGE
    assert set(order) - {room_of(path.relative_to(library), order) for path in library.rglob("*.py")} == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import PatchICLLib.upper.one", "lower does not stand on upper"),
        ("from PatchICLLib.upper import one", "lower does not stand on upper"),
        ("from PatchICLLib.upper.one import thing", "lower does not stand on upper"),
        ("from PatchICLLib import upper", "lower does not stand on upper"),
        ("def late():\n    from PatchICLLib.upper import one", "lower does not stand on upper"),
        ("if TYPE_CHECKING:\n    from PatchICLLib.upper import one", "lower does not stand on upper"),
        ("from PatchICLLib.beside.one import thing", "lower does not stand on beside"),
        ("from PatchICLLib.upper.inner import one", "lower does not stand on upper/inner"),
        ("from PatchICLLib import thing", "lower does not stand on __init__"),
        ("from . import two", "imports relatively"),
        ("from PatchICLLib.lower.two import thing\nfrom PatchICLLib.alone import thing\nimport numpy.upper", None),
    ],
)
def test_every_way_uphill_is_found(tmp_path: Path, text: str, said: str | None) -> None:
    order = {"__init__": 0, "upper": 1, "upper/inner": 2, "lower": 3, "beside": 3, "alone": 4}
    for name in ("upper/one", "upper/inner/one", "lower/two", "beside/one", "alone"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("thing = 1\n", encoding="utf-8")
        (path.parent / "__init__.py").touch()
    (tmp_path / "lower" / "three.py").write_text(text, encoding="utf-8")
    found = uphill(tmp_path, order)
    assert found == [] if said is None else len(found) == 1 and said in found[0]


def test_a_new_room_needs_a_place(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file.py").touch()
    assert uphill(tmp_path, {"old": 0}) == ["new has no place in the house"]
    assert uphill(tmp_path, {"new": 0}) == []
