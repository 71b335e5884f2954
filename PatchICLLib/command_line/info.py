"""`patchicl info`: what is installed and what it runs on."""

from pathlib import Path
from typing import Annotated

import typer


def info(
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write everything as JSON.")
    ] = None,
) -> None:
    """Show versions, devices, memory, and the bundled weights with their measured figures.

    Add this to a bug report.
    """
    from PatchICLLib.command_line.info_report import collect, print_facts

    if json_file is not None:
        from PatchICLLib.outputs import check_output_file, write_json

        check_output_file(json_file, (".json",), "--json")
    facts = collect()
    print_facts(facts)
    if json_file is not None:
        write_json(facts, json_file)
