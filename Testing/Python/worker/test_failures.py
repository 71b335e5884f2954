import signal
import sys

import pytest

from PatchICLLib.errors import InputError, WorkerError
from PatchICLLib.worker.failures import describe_death, error_of, is_out_of_memory, load_error_of


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("code", "prints", "said"),
    [
        (-signal.SIGKILL, ["unrelated"], "was killed (SIGKILL), most often because the computer ran out of memory"),
        (128 + signal.SIGKILL, [], "was killed (SIGKILL), most often because the computer ran out of memory"),
        (-signal.SIGTERM, [], "was ended from outside (SIGTERM)"),
        (-signal.SIGXCPU, [], "was ended for using more processor time than it is allowed (SIGXCPU)"),
        (-signal.SIGBUS, [], "crashed (SIGBUS)"),
        (-signal.SIGABRT, ["terminate called", "  what():  std::bad_alloc"], "ran out of memory (std::bad_alloc)"),
        (
            -signal.SIGSEGV,
            ["Thread 0x1:", '  File "a.py", line 1 in f', "Current thread 0x2:", '  File "b.py", line 2 in g'],
            'crashed (SIGSEGV) at File "b.py", line 2 in g',
        ),
        (1, ["Traceback", "ImportError: libcudart.so", ""], "ended with exit code 1: ImportError: libcudart.so"),
        (3, [], "ended with exit code 3"),
        (0xC0000005, [], "crashed (access violation 0xc0000005)"),
    ],
)
def test_how_a_process_ended(code: int, prints: list[str], said: str) -> None:
    assert describe_death(code, prints).startswith(said)


class OutOfMemoryError(RuntimeError):
    """Called as torch's."""


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (
            RuntimeError("[alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("itk::ERROR: Failed to allocate memory for image."), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory of the author"), False),
    ],
)
def test_out_of_memory_is_recognised(exception: Exception, expected: bool) -> None:
    assert is_out_of_memory(exception) is expected
    assert ("ran out of memory" in str(error_of(exception))) is expected


def test_errors_on_purpose_stay_as_they_are() -> None:
    error = InputError("Paint something.")
    assert error_of(error) is error
    assert load_error_of(error, "python") is error


def test_missing_module_says_for_which_python() -> None:
    error = load_error_of(ModuleNotFoundError("No module named 'torch'", name="torch"), "/opt/bin/python")
    assert isinstance(error, WorkerError)
    assert str(error).endswith("install torch for /opt/bin/python.")
