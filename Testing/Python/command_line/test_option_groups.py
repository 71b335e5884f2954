"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from PatchICLLib.command_line.option_groups import with_groups


@dataclass(frozen=True)
class Paint:
    colour: Annotated[str, typer.Option(help="Its color.")]
    coats: Annotated[int, typer.Option(min=1)] = 2


@dataclass(frozen=True)
class Gloss(Paint):
    coats: Annotated[int, typer.Option(min=1)] = 3


PAINTED: list[object] = []


def wall(room: Annotated[Path, typer.Argument()], paint: Paint, height: float = 2.5) -> None:
    """Paint a wall."""
    PAINTED[:] = [room, paint, height]


def door(paint: Gloss) -> None:
    """Paint a door."""
    PAINTED[:] = [paint]


@pytest.mark.parametrize(
    ("arguments", "painted"),
    [
        (["wall", "hall", "--colour", "red", "--coats", "4"], [Path("hall"), Paint("red", 4), 2.5]),
        (["wall", "hall", "--colour", "red", "--height", "3"], [Path("hall"), Paint("red"), 3.0]),
        (["door", "--colour", "blue"], [Gloss("blue", 3)]),
        (["wall", "hall"], None),  # a field without default is needed
        (["door", "--colour", "red", "--coats", "0"], None),
    ],
)
def test_a_group_is_its_fields_as_options(arguments: list[str], painted: list[object] | None) -> None:
    app, runner = typer.Typer(), CliRunner()
    for command in (wall, door):
        app.command()(with_groups(command))
    PAINTED.clear()
    assert runner.invoke(app, arguments).exit_code == (2 if painted is None else 0)
    assert (painted or []) == PAINTED
    shown = runner.invoke(app, [arguments[0], "--help"]).output
    assert f"Paint a {arguments[0]}." in shown and "Its color." in shown
