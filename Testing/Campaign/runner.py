"""One trial: the command runs, and what it said, left and changed is judged."""

import contextlib
import io
import os
import pickle
import re
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import SimpleITK as sitk

from PatchICLLib.command_line.app import main
from Testing.Campaign.engine import NearestEngine, SameProcess
from Testing.Campaign.world import World

EITHER, REFUSED, SURVIVED = "either", "refused", "survived"
_SECONDS = 60  # that a trial in a process of its own may take


@dataclass(frozen=True)
class Fault:
    """What a trial does.

    Attributes:
        expected: whether the command must refuse (exit 2), must survive (exit 0), or may do either.
        arguments: of the command; empty for propagate with the world's files.
        apart: runs in a process of its own: it may be killed, or crash natively.
        inside: called in that process before the command, for instance to limit what it may write.
        intact: whether the painting is still what the world says, so that the output can be compared.
        killed: whether the process may end without an exit code.
    """

    expected: str = EITHER
    arguments: tuple[str, ...] = ()
    apart: bool = False
    inside: Callable[[], None] | None = None
    intact: bool = True
    killed: bool = False


@dataclass(frozen=True)
class Verdict:
    """Attributes: kind; seed; code: exit code, negative for a signal; problems: what must not be; said: on stderr."""

    kind: str
    seed: int
    code: int
    problems: tuple[str, ...]
    said: str = ""

    def to_json(self) -> dict:
        return asdict(self)


def run_trial(kind: str, seed: int, make: Callable[[np.random.Generator, World], Fault]) -> Verdict:
    """Runs a trial and judges it."""
    rng = np.random.default_rng([seed, *kind.encode()])
    with tempfile.TemporaryDirectory() as name:
        world = World.make(rng, Path(name))
        fault = make(rng, world)
        before = world.state()
        arguments = list(fault.arguments) or propagation(world)
        with _engine():
            code, said = _apart(arguments, fault) if fault.apart else _command(arguments)
            problems = _of_exit(code, said, fault)
            if fault.killed and code not in (0, 2, 130):
                again, words = _apart(arguments, Fault(apart=True))  # the next run recovers
                problems += [f"after it: {problem}" for problem in _of_exit(again, words, Fault())]
                code = again
            problems += _of_files(world, before, code, arguments, fault)
    return Verdict(kind, seed, code, tuple(problems), said[-400:])


def propagation(world: World, *more: str) -> list[str]:
    return ["propagate", str(world.image), str(world.painted), str(world.output), "--quiet", *more, *world.extra]


@contextlib.contextmanager
def _engine() -> Iterator[None]:
    with (
        mock.patch("PatchICLLib.command_line.propagate_files.Propagator", NearestEngine),
        mock.patch("PatchICLLib.cohort.case._propagator", lambda _model: NearestEngine()),
        mock.patch("PatchICLLib.command_line.cohort_run.LocalPool", SameProcess),
    ):
        yield


def _command(arguments: list[str]) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except KeyboardInterrupt:  # pressed when the command had ended already
            return 130, err.getvalue()
        except BaseException:
            return 1, traceback.format_exc()
    return code, err.getvalue()


def _apart(arguments: list[str], fault: Fault) -> tuple[int, str]:
    """In a forked process: exit code, or minus the signal that ended it, and what it said."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code, said = 1, "the child failed"
        try:
            os.close(read)
            if fault.inside is not None:
                fault.inside()
            code, said = _command(arguments)
        finally:
            with contextlib.suppress(OSError):
                os.write(write, pickle.dumps(said[-2000:]))
            os._exit(code)
    os.close(write)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(_SECONDS)
    with os.fdopen(read, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status), pickle.loads(content) if content else ""


def _of_exit(code: int, said: str, fault: Fault) -> list[str]:
    problems = []
    if code == 1:
        problems.append("exit 1")
    elif code < 0 and not fault.killed:
        problems.append(f"ended by signal {-code}")
    if "Traceback" in said:
        problems.append("traceback")
    if code == 2 and not re.fullmatch(r"patchicl: [^\n]+\n", said) and "Usage" not in said and "usage" not in said:
        problems.append("not one sentence")
    if re.search(r"0x[0-9a-f]{6}", said):
        problems.append("a memory address")
    if (fault.expected == REFUSED and code == 0) or (fault.expected == SURVIVED and code != 0):
        problems.append(f"should have been {fault.expected}")
    return problems


def _of_files(world: World, before: dict[str, str], code: int, arguments: list[str], fault: Fault) -> list[str]:
    """Nothing but the outputs has changed; they are whole; what was painted is in them."""
    after, problems = world.state(), []
    written = {name for name in after if name not in before or after[name] != before[name]}
    gone = before.keys() - after.keys()
    may = {str(Path(argument).name) for argument in arguments[1:] if Path(argument).parent == world.folder}
    if arguments[0] == "cohort":
        may.add(world.output.name)
    may -= {world.image.name, world.painted.name}
    data = re.compile(rf"{re.escape(world.output.stem)}(-\d+)?\.(zraw|raw|raw\.gz)")
    if code != 0:
        changed = sorted(written | gone)
        if changed and not fault.killed:
            problems.append(f"lost: changed though refused: {', '.join(changed)}")
    strangers = [name for name in sorted(written | gone) if name not in may and not data.fullmatch(name)]
    strangers = [name for name in strangers if not name.endswith((".report.json",))]
    if strangers:
        problems.append(f"lost: changed {', '.join(strangers)}")
    if code == 0 and arguments[0] == "propagate" and fault.intact:
        problems += _of_output(world)
    return problems


def _of_output(world: World) -> list[str]:
    try:
        output, image = sitk.ReadImage(str(world.output)), sitk.ReadImage(str(world.image))
    except RuntimeError as error:
        return [f"lost: the output cannot be read ({str(error).strip()[-80:]})"]
    array = sitk.GetArrayFromImage(output)
    problems = []
    if array.shape != world.array.shape or not np.allclose(output.GetDirection(), image.GetDirection(), atol=1e-4):
        problems.append("lost: the output lies on another grid")
    elif not (array[world.array > 0] == world.array[world.array > 0]).all():
        problems.append("lost: painted voxels changed")
    return problems
