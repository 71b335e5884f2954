"""The documentation names files, commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from PatchICLLib.command_line.app import app


def pages(repository: Path) -> list[Path]:
    found = [*sorted(repository.glob("*.md")), *sorted((repository / "Docs").glob("*.md"))]
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


def test_commands_and_their_options_exist(repository: Path) -> None:
    wrong, seen = [], 0
    for page in pages(repository):
        for words in commands(page):
            command = typer.main.get_command(app)
            while words and hasattr(command, "commands") and words[0] in command.commands:
                command, words = command.commands[words[0]], words[1:]
            known = {"--help"} | {text for parameter in command.params for text in parameter.opts}
            known |= {text for parameter in command.params for text in parameter.secondary_opts}
            unknown = [word for word in words if word.startswith("--") and word not in known]
            if unknown or hasattr(command, "commands") and not unknown and words and words[0] != "--help":
                wrong.append(f"{page.name}: {command.name} {unknown or words}")
            seen += 1
    assert wrong == []
    assert seen > 10


@pytest.mark.parametrize("experiment", ["totalsegmentator", "totalsegmentator-mri", "medsegbench", "images"])
def test_every_experiment_has_its_command_on_a_page(repository: Path, experiment: str) -> None:
    shown = [words[:2] for page in pages(repository) for words in commands(page)]
    assert ["evaluate", experiment] in shown
