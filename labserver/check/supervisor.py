"""The process that runs clients for a slot, one after the other, and ends each with everything that it started.

It is a program of its own (``python -I -S supervisor.py``), for three reasons. As the *subreaper* of its clients
(prctl(2), Linux) it becomes the parent of every process whose own parent has ended, so that it finds whatever a client
left behind, in any session or process group, and looks for it only if there is something. It lives in the private mount
namespace in which clients know the scenarios' names, so that this is set up once and not for each client. And it ends
its client when the lab is gone, however that happened.

Its standard input is a stream socket to the lab. A request is four octets of length and so much JSON: ``{"path",
"words", "environment", "terminal"}`` starts a client, with its output's descriptor beside the length; ``{}`` ends it.
Answers are lines of JSON: ``{"started": pid}``, ``{"failed": errno}``, ``{"ended": code}``, ``{"gone": true}``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

__all__: list[str] = []

_LENGTH = 4
_SET_CHILD_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of linux/prctl.h."""
_KILLING_TIME = 2.0
"""Seconds after which what cannot be ended (another user's process) is left alone."""
_PAUSE = 0.001
_ADOPTS = sys.platform == "linux"
"""Whether orphans become this process's children."""
_PARENT = 1
"""Where the parent's number is in /proc/PID/stat, behind the name in parentheses (proc(5))."""


class _Supervisor:
    """One client at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._client = 0
        """Its process; 0 when it has ended."""
        self._group = 0

    def run(self) -> None:
        """Do what the lab asks until it closes the socket."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            while True:
                ready, _, _ = select.select([self._channel.fileno(), woken], [], [])
                if woken in ready:
                    os.read(woken, 1 << 10)
                    self._reap()
                if self._channel.fileno() in ready and not self._serve():
                    return
        finally:
            self._end()

    def _serve(self) -> bool:
        """Do what one request asks; return whether there was one."""
        head, descriptors, _, _ = socket.recv_fds(self._channel, _LENGTH, 1, socket.MSG_CMSG_CLOEXEC)
        length = self._received(_LENGTH - len(head)) if head else b""
        request = json.loads(self._received(int.from_bytes(head + length, "big")) or b"null") if head else None
        if request is None:
            return False
        if request:
            self._start(request, descriptors[0])
            os.close(descriptors[0])
        else:
            self._end()
            self._tell(gone=True)
        return True

    def _received(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._channel.recv(size - len(data))
            if not piece:
                return b""
            data += piece
        return data

    def _start(self, request: dict[str, Any], output: int) -> None:
        terminal = request["terminal"]
        actions: list[tuple[object, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, terminal or os.devnull, os.O_RDWR if terminal else os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, 0 if terminal else output, 1),
            (os.POSIX_SPAWN_DUP2, 0 if terminal else output, 2),
        ]
        restored = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT]  # of them Python has ignored two
        try:
            self._client = self._group = os.posix_spawn(  # the terminal that it opens first is its own, too
                request["path"], request["words"], request["environment"],
                file_actions=actions, setsid=True, setsigmask=[], setsigdef=restored,
            )  # fmt: skip
        except OSError as error:
            self._tell(failed=error.errno)
        else:
            self._tell(started=self._client)

    def _reap(self) -> bool:
        """Bury children that have ended, the client among them; return whether there are any others."""
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not child:
                return True
            if child == self._client:
                self._client = 0
                self._tell(ended=os.waitstatus_to_exitcode(status))

    def _end(self) -> None:
        """End the client and everything it left behind."""
        if self._group and (self._client or not _ADOPTS):
            _kill(-self._group)
        self._group = 0
        deadline = time.monotonic() + _KILLING_TIME
        while self._reap() and time.monotonic() < deadline:
            for child in _children():
                _kill(-child)  # its group, where it leads one
                _kill(child)
            time.sleep(_PAUSE)

    def _tell(self, **answer: object) -> None:
        with contextlib.suppress(OSError):  # the lab is gone: there is nobody to be told
            self._channel.sendall(json.dumps(answer).encode() + b"\n")


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process < 0:
            os.killpg(-process, signal.SIGKILL)
        else:
            os.kill(process, signal.SIGKILL)


def _children() -> list[int]:
    """Return the processes whose parent is this one, where the system tells (Linux)."""
    own = str(os.getpid()).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if path.read_bytes().rpartition(b")")[2].split()[_PARENT] == own:
                found.append(int(path.parent.name))
    return found


def _adopt_orphans() -> None:
    with contextlib.suppress(OSError, AttributeError):  # without prctl only the client's process group is ended
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Serve the lab at the other end of standard input."""
    channel = socket.socket(fileno=os.dup(0))  # not inherited by clients
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    _adopt_orphans()
    _Supervisor(channel).run()


if __name__ == "__main__":
    main()
