"""The client's process: started in a group of its own, given a time, its output kept within bounds, ended whole.

Whole means with whatever it started: the processes of its group, and, where the system tells processes' environments
(Linux), those that left the group for one of their own, which still carry the mark that this run's client was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.clock import SystemEntropy
from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ClientProcess", "Output", "start_client"]

_KEPT = 1 << 14
"""Octets kept of the beginning and of the end of the output."""
_MARK = "LABSERVER_RUN"
"""The variable that tells one run's processes from all others."""
_ROUNDS = 5
"""How often descendants are looked for: one that is being ended may have just started another."""
_DRAIN_TIME = 1.0
"""Seconds to wait for the rest of the output of a process that is gone; a grandchild may hold the pipe."""


class Output:
    """What was printed: its beginning and its end, however much came in between."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._first = bytearray()
        self._last: deque[bytes] = deque()
        self._last_size = 0
        self._dropped = 0

    def take(self, data: bytes) -> None:
        """Add a piece."""
        room = self._kept - len(self._first)
        self._first += data[:room]
        rest = data[room:] if room > 0 else data
        if not rest:
            return
        self._last.append(rest)
        self._last_size += len(rest)
        while self._last_size - len(self._last[0]) >= self._kept:
            gone = len(self._last.popleft())
            self._last_size -= gone
            self._dropped += gone

    def text(self) -> str:
        """Return it as text, with a note where something is missing."""
        last = b"".join(self._last)
        dropped = self._dropped + max(0, len(last) - self._kept)
        note = f"\n… {dropped} octets …\n".encode() if dropped else b""
        return (bytes(self._first) + note + last[-self._kept :]).decode("utf-8", "replace")


class ClientProcess:
    """A client that runs."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: int, mark: str) -> None:
        self._process = process
        self._mark = f"{_MARK}={mark}".encode()
        self._pipe = pipe
        self._output = Output()
        self._reading = asyncio.ensure_future(self._read())

    @property
    def output(self) -> str:
        """What it printed so far, standard output and standard error as they came."""
        return self._output.text()

    async def wait(self, seconds: float) -> int | None:
        """Return the exit code, negative for the signal that ended it; None if it still runs after that time."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._process.wait(), seconds)
        return None

    async def end(self) -> None:
        """End it and whatever it started, and collect the rest of its output."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        for _ in range(_ROUNDS):
            if not _end_marked(self._mark):
                break
        await asyncio.wait([self._reading], timeout=_DRAIN_TIME)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(self._pipe, "rb", buffering=0)
        )
        try:
            while data := await stream.read(1 << 16):
                self._output.take(data)
        finally:
            transport.close()


def _end_marked(mark: bytes) -> bool:
    """End every process that carries the mark; return whether there was one."""
    found = False
    for process in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # gone meanwhile, or somebody else's
        if marked:
            found = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(process.name), signal.SIGKILL)
    return found


async def start_client(words: Sequence[str], *, environment: Mapping[str, str]) -> ClientProcess:
    """Start it with nothing to read; raises ConfigurationError if it cannot be run.

    The pipe is our own: with asyncio's, a client counts as running for as long as anybody holds its output open.
    """
    output, inherited = os.pipe()
    mark = SystemEntropy().token(16, "run").hex()
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            env={**environment, _MARK: mark},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=inherited,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        os.close(output)
        raise ConfigurationError(f"cannot run {words[0]}: {error.strerror}") from error
    finally:
        os.close(inherited)
    return ClientProcess(process, output, mark)
