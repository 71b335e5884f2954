"""Composes the commands and turns errors into exit codes: 0 done, 1 a defect, 2 bad input or usage, 130 cancelled.

Nothing heavy is imported here or at the top of a command's file, so that `patchicl --help` answers at once.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from PatchICLLib.command_line.benchmark import benchmark
from PatchICLLib.command_line.check import check
from PatchICLLib.command_line.cohort import cohort
from PatchICLLib.command_line.console import printing_never_fails
from PatchICLLib.command_line.demo import demo
from PatchICLLib.command_line.evaluate import evaluate
from PatchICLLib.command_line.follow import follow
from PatchICLLib.command_line.info import info
from PatchICLLib.command_line.interrupt import termination_interrupts
from PatchICLLib.command_line.library import library
from PatchICLLib.command_line.overfit import overfit
from PatchICLLib.command_line.propagate import propagate
from PatchICLLib.command_line.segment import segment
from PatchICLLib.command_line.train import train
from PatchICLLib.errors import Cancelled, InputError, Stopped, WorkerError
from PatchICLLib.outputs.written import forget_written, written
from PatchICLLib.resources import ResourceError
from PatchICLLib.runtime.thread_waiting import choose_thread_waiting
from PatchICLLib.version import __version__

EXIT_DEFECT, EXIT_BAD_INPUT, EXIT_CANCELLED = 1, 2, 130

# The base of typer's usage errors; typer has it from click or, since it no longer depends on click, from a copy.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="patchicl",
    help="Segment a scan by painting a few slices: the rest fills in.\n\nResearch use only, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(no_args_is_help=True)(propagate)
app.command(no_args_is_help=True)(check)
app.command(no_args_is_help=True)(segment)
app.command(no_args_is_help=True)(cohort)
app.command(no_args_is_help=True)(follow)
app.add_typer(library, name="library")
app.command()(demo)
app.command()(info)
app.command(no_args_is_help=True)(train)
app.add_typer(evaluate, name="evaluate")
app.add_typer(benchmark, name="benchmark")
app.command()(overfit)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"patchicl {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; default those of this process.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    choose_thread_waiting(os.environ)
    forget_written()
    with printing_never_fails():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        with termination_interrupts():
            code = app(arguments, prog_name="patchicl", standalone_mode=False)
        if code == EXIT_CANCELLED:  # typer's answer to KeyboardInterrupt
            _complain(_cancelled())
        return code if isinstance(code, int) else 0
    except _UsageError as error:
        message = error.format_message()  # type: ignore[attr-defined]
        if message:
            _complain(f"{message.rstrip('.')}; see `patchicl --help`.")
        return EXIT_BAD_INPUT
    except InputError as error:
        _complain(str(error))
        return EXIT_BAD_INPUT
    except Stopped as error:
        _complain(str(error))
        return EXIT_CANCELLED
    except (Cancelled, KeyboardInterrupt):
        _complain(_cancelled())
        return EXIT_CANCELLED
    except (ResourceError, WorkerError) as error:
        _complain(str(error))
        return EXIT_DEFECT
    except OSError as error:
        if error.filename is None:
            return _defect(error, arguments)
        _complain(f"{str(error.filename)[-100:]}: {error.strerror}; check the name, its folder and permissions.")
        return EXIT_BAD_INPUT
    except Exception as error:
        return _defect(error, arguments)


def _defect(error: Exception, arguments: list[str]) -> int:
    if "--quiet" in arguments:
        _complain(f"{type(error).__name__}: {error}")
    else:
        traceback.print_exception(error)
    return EXIT_DEFECT


def _cancelled() -> str:
    """What Ctrl-C has come to, which may be after all was done."""
    paths = ", ".join(str(path) for path in written())
    return f"Cancelled; already written, and kept: {paths}." if paths else "Cancelled; nothing was written."


def _complain(message: str) -> None:
    print(f"patchicl: {message}", file=sys.stderr)
