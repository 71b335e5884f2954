"""Arrays in memory that two processes share, and that nothing can leave behind.

A segment has no name in any file system, so the operating system frees it as soon as the last process that maps it is
gone, however it went (killed, crashed, power user). Linux: ``memfd``; macOS: a POSIX segment whose name is removed at
once. There the descriptor travels with the message that announces it (see ``transport``). Windows: a mapping backed by
the page file, opened by a random name, which Windows itself frees with its last handle.

``multiprocessing.shared_memory`` would not do: it starts a resource tracker through ``sys.executable``, which inside
Slicer may be Slicer; the tracker unlinks segments that the other side still uses (Python < 3.13); and it lives in
/dev/shm, which containers often limit to 64 MB, where writing more ends the process by SIGBUS.
"""

from __future__ import annotations

import mmap
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class SharedArray:
    """A numpy array over a shared segment.

    The memory stays mapped as long as ``array`` or a view of it is alive; there is nothing to close but
    ``descriptor``, which the sender keeps only until it has been sent.

    Attributes:
        array: the array, C-ordered, writable.
        name: the name of the mapping on Windows, otherwise None.
        descriptor: the file descriptor to send on Linux and macOS, otherwise None.
    """

    def __init__(self, array: np.ndarray, name: str | None, descriptor: int | None) -> None:
        self.array = array
        self.name = name
        self.descriptor = descriptor

    @classmethod
    def create(cls, shape: Sequence[int], dtype: np.dtype) -> SharedArray:
        """Make a segment filled with zeros. Memory is taken page by page as it is first written.

        Raises:
            OSError, ValueError: the system refuses a mapping of this size.
        """
        size = _size(shape, dtype)
        if sys.platform == "win32":
            name = f"Local\\patchicl-{secrets.token_hex(16)}"
            return cls(np.ndarray(shape, dtype, mmap.mmap(-1, size, tagname=name)), name, None)
        descriptor = _anonymous_descriptor(size)
        try:
            return cls(np.ndarray(shape, dtype, mmap.mmap(descriptor, size)), None, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def copy_of(cls, array: np.ndarray) -> SharedArray:
        """Make a segment that holds a copy of ``array`` (any shape, strides and byte order; no Python objects)."""
        shared = cls.create(array.shape, array.dtype)
        np.copyto(shared.array, array)
        return shared

    @classmethod
    def attach(cls, description: dict[str, Any], descriptor: int | None) -> SharedArray:
        """Map what the other process described; takes over and closes ``descriptor``.

        Raises:
            OSError, ValueError: the segment is not there, or smaller than described.
        """
        shape = tuple(description["shape"])
        dtype = np.dtype(description["dtype"])
        size = _size(shape, dtype)
        if sys.platform == "win32":
            return cls(np.ndarray(shape, dtype, mmap.mmap(-1, size, tagname=description["name"])), None, None)
        if descriptor is None:
            raise ValueError("the message came without the descriptor of its shared memory")
        try:
            return cls(np.ndarray(shape, dtype, mmap.mmap(descriptor, size)), None, None)
        finally:
            os.close(descriptor)

    @classmethod
    def attach_all(
        cls, descriptions: Mapping[str, dict[str, Any]], descriptors: Sequence[int]
    ) -> dict[str, SharedArray]:
        """Map what one message described; takes over and closes all its ``descriptors``, whatever happens.

        Args:
            descriptions: by name.
            descriptors: in the same order; none on Windows.

        Raises:
            OSError, ValueError: as of ``attach``.
        """
        left = list(descriptors)
        try:
            return {name: cls.attach(one, left.pop(0) if left else None) for name, one in descriptions.items()}
        finally:
            for descriptor in left:
                os.close(descriptor)

    def describe(self) -> dict[str, Any]:
        """Plain JSON from which the other process attaches."""
        return {"shape": list(self.array.shape), "dtype": self.array.dtype.str, "name": self.name}

    def close_descriptor(self) -> None:
        """Close the descriptor to send; the array stays valid."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def _size(shape: Sequence[int], dtype: np.dtype) -> int:
    """Bytes of the segment; at least one, because an empty mapping is not possible."""
    return max(1, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)


def _anonymous_descriptor(size: int) -> int:
    """Open a segment without a name, of ``size`` zero bytes (Linux, macOS)."""
    assert sys.platform != "win32"
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("patchicl")
    else:
        from _posixshmem import shm_open, shm_unlink  # type: ignore[import-not-found]  # as multiprocessing does

        name = f"/patchicl-{secrets.token_hex(8)}"  # macOS allows 31 characters
        descriptor = shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        shm_unlink(name)
    try:
        os.ftruncate(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
