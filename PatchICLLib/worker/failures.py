"""Turn whatever went wrong in a worker into an error with a sentence that a person can act on."""

import signal
from collections.abc import Iterable, Sequence
from itertools import pairwise

from PatchICLLib.errors import PatchICLError, WorkerError
from PatchICLLib.runtime.out_of_memory import is_out_of_memory

_SIGNALS = frozenset(signal.valid_signals())

# Exit codes of Windows (NTSTATUS), https://learn.microsoft.com/openspecs/windows_protocols/ms-erref
_WINDOWS_CRASHES = {
    0xC0000005: "access violation",
    0xC0000017: "not enough memory",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000409: "stack buffer overrun",
}


def error_of(exception: Exception) -> PatchICLError:
    """The error to show for ``exception``: itself if it was raised on purpose, otherwise a WorkerError."""
    if isinstance(exception, PatchICLError):
        return exception
    said = f"{type(exception).__name__}: {exception}" if str(exception) else type(exception).__name__
    if is_out_of_memory(exception):
        return WorkerError(
            f"The worker ran out of memory ({said}); close other programs, lower the patch budget, crop the volume "
            "around the painted structure, or choose the CPU as device if this was the memory of the GPU."
        )
    return WorkerError(f"The propagation failed ({said}); please report this with the log.")


def load_error_of(exception: Exception, python: str) -> PatchICLError:
    """The error to show when the engine could not be loaded with the interpreter ``python``."""
    if isinstance(exception, PatchICLError) or is_out_of_memory(exception):
        return error_of(exception)
    said = f"{type(exception).__name__}: {exception}"
    if isinstance(exception, ModuleNotFoundError) and exception.name:
        return WorkerError(f"The network could not be loaded ({said}); install {exception.name} for {python}.")
    return WorkerError(f"The network could not be loaded with {python} ({said}).")


def describe_death(code: int, prints: Iterable[str]) -> str:
    """How a process ended, to continue "The worker ...".

    Args:
        code: as in ``subprocess.Popen.returncode``.
        prints: the last lines on its stderr.
    """
    lines = [line.strip() for line in prints if line.strip()]
    if code >= 0xC0000000:
        return f"crashed ({_WINDOWS_CRASHES.get(code, 'Windows error')} {code:#010x})"
    number = -code if code < 0 else code - 128  # a launcher or shell reports a signal as 128 + its number
    name = signal.Signals(number).name if number in _SIGNALS else ""
    if any("bad_alloc" in line for line in lines):
        return "ran out of memory (std::bad_alloc); close other programs or crop the volume"
    if name == "SIGKILL":
        return "was killed (SIGKILL), most often because the computer ran out of memory"
    if name in ("SIGTERM", "SIGINT", "SIGHUP"):
        return f"was ended from outside ({name})"
    if name == "SIGXCPU":
        return "was ended for using more processor time than it is allowed (SIGXCPU)"
    if name:
        return f"crashed ({name}){_crash_site(lines)}"
    return f"ended with exit code {code}" + (f": {lines[-1][:300]}" if lines else "")


def _crash_site(lines: Sequence[str]) -> str:
    """Where the thread that crashed was, from the report of Python's fault handler."""
    after = [place for line, place in pairwise(lines) if line.startswith("Current thread")]
    return f" at {after[0][:300]}" if after else ""
