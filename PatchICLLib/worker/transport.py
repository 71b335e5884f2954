"""Bytes between client and worker: lines over the worker's stdin and stdout.

On Linux and macOS the worker's stdin is one end of a socket pair, so that descriptors of shared memory can ride along
with a line (SCM_RIGHTS) and nothing but stdin has to survive a launcher such as PythonSlicer, which hands stdin on.

The client reads without threads: Slicer's main loop keeps Python's global lock while it waits for events, so a reader
thread would only run when the panel happens to run Python.
"""

import array
import contextlib
import os
import socket
import stat
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import IO

_CHUNK = 1 << 18
_MOST_CHUNKS = 64  # at a time: a worker that prints without end must not hold up whoever reads
_MOST_DESCRIPTORS = 16  # of one message


class LineReader:
    """Complete lines from a pipe, without ever waiting for one.

    Attributes:
        ended: whether the other side has closed the pipe and everything was read.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._rest = bytearray()
        self.ended = False
        if sys.platform != "win32":
            os.set_blocking(stream.fileno(), False)

    @property
    def in_a_line(self) -> bool:
        """Whether the beginning of a line has come, but not its end."""
        return bool(self._rest)

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        self.ended = True
        self._stream.close()

    def read_lines(self) -> list[bytes]:
        """Return the lines that have come, without line ends; at the end of the stream also an unfinished one."""
        lines: list[bytes] = []
        for _ in range(_MOST_CHUNKS):
            if self.ended or (chunk := self._read_chunk()) is None:
                break
            if not chunk:
                self.ended = True
                break
            head, newline, tail = chunk.rpartition(b"\n")
            if newline:
                lines += (bytes(self._rest) + head).split(b"\n")
                self._rest = bytearray(tail)
            else:
                self._rest += chunk
        if self.ended and self._rest:
            lines.append(bytes(self._rest))
            self._rest.clear()
        return [line.rstrip(b"\r") for line in lines if line.strip()]

    def has_input(self) -> bool:
        """Whether reading would bring bytes or the end of the stream at once (Windows)."""
        return self._available() != 0

    def _available(self) -> int | None:
        """Bytes waiting in the pipe; None at its end (Windows only; elsewhere the pipe itself does not block)."""
        if sys.platform == "win32":
            import _winapi
            import msvcrt

            try:
                return int(_winapi.PeekNamedPipe(msvcrt.get_osfhandle(self.fileno()), 0)[0])
            except BrokenPipeError:
                return None
        return _CHUNK

    def _read_chunk(self) -> bytes | None:
        """Bytes, empty at the end of the stream, or None if nothing is there yet."""
        available = self._available()
        if available is None:
            return b""
        if available == 0:
            return None
        try:
            return os.read(self.fileno(), min(available, _CHUNK))
        except BlockingIOError:
            return None


def wait_for_input(readers: Sequence[LineReader], timeout: float) -> None:
    """Wait until one of ``readers`` has input or has ended, at most ``timeout`` seconds."""
    waiting = [reader for reader in readers if not reader.ended]
    if not waiting:
        return
    if sys.platform == "win32":
        deadline = time.monotonic() + timeout
        while not any(reader.has_input() for reader in waiting) and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(0.005, left))
    else:
        import select

        poll = select.poll()
        for reader in waiting:
            poll.register(reader.fileno(), select.POLLIN)
        poll.poll(max(0.0, timeout) * 1000)


class Outbox:
    """The client's end of the worker's stdin. Use ``child_end`` as the child's stdin, then call ``child_started``."""

    def __init__(self) -> None:
        self.child_end: int
        self._descriptor = -1
        self._socket: socket.socket | None = None
        if sys.platform == "win32":
            self.child_end, self._descriptor = os.pipe()
        else:
            self._socket, child = socket.socketpair()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)  # macOS starts with 8 kB
            self.child_end = child.detach()

    def child_started(self) -> None:
        """Close our copy of the child's end, without which the child's death could not be noticed."""
        os.close(self.child_end)

    def send(self, line: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one line and the descriptors that belong to it.

        Raises:
            OSError: the worker is gone (BrokenPipeError, ConnectionResetError).
        """
        data = line + b"\n"
        if sys.platform == "win32" or self._socket is None:
            while data:
                data = data[os.write(self._descriptor, data) :]
            return
        sent = 0
        if descriptors:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            sent = self._socket.sendmsg([data], rights)
        self._socket.sendall(data[sent:])

    def close(self) -> None:
        """Close the worker's stdin, which tells it to exit."""
        if self._socket is not None:
            self._socket.close()
        elif self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Inbox:
    """The worker's end of its stdin; also works on a terminal or a plain pipe, without descriptors then."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._socket: socket.socket | None = None
        if sys.platform != "win32" and stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            self._socket = socket.socket(fileno=descriptor)
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._descriptors: deque[int] = deque()

    def next_line(self) -> bytes | None:
        """Wait for the next line; None when the client has closed its end or is gone."""
        while not self._lines:
            chunk = self._receive()
            if not chunk:
                return None
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._lines.extend(line for line in lines if line.strip())
        return self._lines.popleft()

    def take_descriptors(self, count: int) -> list[int]:
        """The descriptors of the line just read, which announces ``count``; fewer if fewer came, none on Windows.

        They come in the order of the lines: all of one line are taken together, or the next line would get the rest.
        """
        return [self._descriptors.popleft() for _ in range(min(count, len(self._descriptors)))]

    def _receive(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):  # the client was killed with unread bytes: the end as well
            if sys.platform == "win32" or self._socket is None:
                return os.read(self._descriptor, _CHUNK)
            size = array.array("i").itemsize
            space = socket.CMSG_SPACE(_MOST_DESCRIPTORS * size)
            data, ancillary, flags, _ = self._socket.recvmsg(_CHUNK, space)
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    received = array.array("i", content[: len(content) - len(content) % size])
                    for descriptor in received:
                        os.set_inheritable(descriptor, False)
                    self._descriptors.extend(received)
            if flags & socket.MSG_CTRUNC:  # from here on lines would get the descriptors of others
                raise OSError("descriptors were lost on their way: too many files are open")
            return data
        return b""
