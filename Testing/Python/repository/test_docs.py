"""The documentation names files, commands and options that exist."""

import ast
import importlib
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from PatchICLLib.command_line.app import app


def pages(repository: Path) -> list[Path]:
    folders = "*.md", "Docs/*.md", "PatchICLSegment/*.md", "Resources/*/*.md"
    found = [page for folder in folders for page in sorted(repository.glob(folder))]
    assert len(found) > 5
    return found


def commands(page: Path) -> list[list[str]]:
    """Words of every call of the command line in blocks of shell commands, without the program."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            for start in (["patchicl"], ["-m", "PatchICLLib"]):
                for place in range(len(words)):
                    if words[place : place + len(start)] == start:
                        found.append(words[place + len(start) :])
    return found


def test_local_links_lead_somewhere(repository: Path) -> None:
    broken = []
    for page in pages(repository):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_every_page_is_listed(repository: Path) -> None:
    index = (repository / "Docs" / "README.md").read_text(encoding="utf-8")
    missing = [page.name for page in (repository / "Docs").glob("*.md") if page.name != "README.md"]
    assert [name for name in missing if f"({name})" not in index] == []


def that_does_nothing(command: Any) -> Any:
    """The command line, which reads what it is given and leaves it at that."""
    for part in getattr(command, "commands", {}).values():
        that_does_nothing(part)
    if not hasattr(command, "commands"):
        command.callback = lambda **_: None
    return command


def test_commands_in_blocks_are_read_without_complaint(repository: Path) -> None:
    command, shown = that_does_nothing(typer.main.get_command(app)), []
    for page in pages(repository):
        for words in commands(page):
            shown.append(words)
            try:
                command(list(words), standalone_mode=False)
            except Exception as error:
                pytest.fail(f"{page.name}: patchicl {' '.join(words)}: {error}")
    assert len(shown) > 10


def test_python_on_pages_is_python_and_imports_what_there_is(repository: Path) -> None:
    seen = 0
    for page in pages(repository):
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for statement in ast.parse(textwrap.dedent(block)).body:
                if isinstance(statement, ast.ImportFrom) and statement.module.startswith("PatchICLLib"):
                    module = importlib.import_module(statement.module)
                    assert [name.name for name in statement.names if not hasattr(module, name.name)] == [], page.name
                    seen += 1
    assert seen > 3


def mentions(text: str) -> Iterator[list[str]]:
    """Words of what is named between backticks beside blocks, also where a string of Python goes on in the next line;
    up to what is left to the reader's imagination."""
    beside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for mention in re.findall(r"`patchicl ([^`]*)`", beside):
        words = re.sub(r"[\"']?\s*\n\s*(f?[\"'])?", " ", mention).split()
        yield words[: words.index("...")] if "..." in words else words


def test_commands_that_are_mentioned_and_their_options_exist(repository: Path) -> None:
    sources = [
        path for folder in ("PatchICLLib", "PatchICLSegment") for path in sorted(repository.glob(f"{folder}/**/*.py"))
    ]
    cards = sorted(repository.glob("Resources/Weights/*.json"))
    wrong, seen, whole = [], 0, typer.main.get_command(app)
    for page in [*pages(repository), *sources, *cards]:
        for words in mentions(page.read_text(encoding="utf-8")):
            command, seen = whole, seen + 1
            while words and words[0] in getattr(command, "commands", {}):
                command, words = command.commands[words[0]], words[1:]
            known = {"--help"} | {text for parameter in command.params for text in parameter.opts}
            known |= {text for parameter in command.params for text in parameter.secondary_opts}
            unknown = [word for word in words if word.startswith("--") and word not in known]
            several = words[0].split("|") if words and hasattr(command, "commands") else []
            unknown += [word for word in several if not word.startswith("--") and word not in command.commands]
            if unknown:
                wrong.append(f"{page.name}: {command.name} {unknown}")
    assert wrong == []
    assert seen > 100


@pytest.mark.parametrize("experiment", ["totalsegmentator", "totalsegmentator-mri", "medsegbench", "images"])
def test_every_experiment_has_its_command_on_a_page(repository: Path, experiment: str) -> None:
    shown = [words[:2] for page in pages(repository) for words in commands(page)]
    assert ["evaluate", experiment] in shown
