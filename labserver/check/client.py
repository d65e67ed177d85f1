"""The client's process: started by a supervisor, given a time, its output kept within bounds, ended whole.

A :class:`Launcher` is this side of a supervisor (:mod:`labserver.check.supervisor`), the process that starts clients
one after the other and ends each with everything that it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labserver.check.output import Output
from labserver.check.run_folder import RunFolder
from labserver.errors import ConfigurationError, LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ClientProcess", "Launcher"]

_DRAIN_TIME = 1.0
"""Seconds to wait for the rest of the output of a process that is gone; what could not be ended may hold the pipe."""
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_GONE = "the process that runs clients has ended; it may have been killed, or there is no memory left"


class ClientProcess:
    """A client that runs."""

    def __init__(self, launcher: Launcher, output: int) -> None:
        self._launcher = launcher
        self._output = Output()
        self._reading = asyncio.ensure_future(self._read(output))

    @property
    def output(self) -> str:
        """What it printed so far, standard output and standard error as they came."""
        return self._output.text()

    async def wait(self, seconds: float) -> int | None:
        """Return the exit code, negative for the signal that ended it; None if it still runs after that time."""
        with contextlib.suppress(TimeoutError):
            return int(await asyncio.wait_for(self._launcher.answer("ended"), seconds))
        return None

    async def end(self) -> None:
        """End it and whatever it started, and collect the rest of its output."""
        await self._launcher.end_client()
        await asyncio.wait([self._reading], timeout=_DRAIN_TIME)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, output: int) -> None:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(output, "rb", buffering=0)
        )
        try:
            while data := await stream.read(1 << 16):
                self._output.take(data)
        except OSError:
            pass  # EIO: a terminal that nobody has open any more
        finally:
            transport.close()


class Launcher:
    """A supervisor, as the lab sees it. It runs one client at a time."""

    def __init__(
        self, process: asyncio.subprocess.Process, channel: socket.socket, certificates: Path | None = None
    ) -> None:
        self.certificates = certificates
        """The folder that its clients have as the system's CA certificates; None for the system's own."""
        self.folder = RunFolder()
        """Where a run's files are."""
        self._process = process
        self._channel = channel
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._listening = asyncio.ensure_future(self._listen())

    @classmethod
    async def start(cls, prefix: Sequence[str] = (), certificates: Path | None = None) -> Launcher:
        """Start a supervisor behind the command line ``prefix``, which mounts ``certificates``.

        Raises ConfigurationError if it cannot be run.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        words = [*prefix, sys.executable, "-I", "-S", str(_SUPERVISOR)]
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the terminal is for the lab, which then ends it
            )
        except OSError as error:
            ours.close()
            raise ConfigurationError(f"cannot run {words[0]}: {error.strerror}") from error
        finally:
            theirs.close()
        return cls(process, ours, certificates)

    async def launch(
        self, words: Sequence[str], *, environment: Mapping[str, str], terminal: bool = False
    ) -> ClientProcess:
        """Start a client with nothing to read, or on a terminal of its own at which nobody types.

        Raises ConfigurationError if it cannot be run.
        """
        path = shutil.which(words[0], path=environment.get("PATH"))
        if path is None:
            raise ConfigurationError(f"cannot run {words[0]}: there is no such program")
        ours, theirs = os.openpty() if terminal else os.pipe()
        request = {
            "path": path,
            "words": list(words),
            "environment": dict(environment),
            "terminal": os.ttyname(theirs) if terminal else "",
        }
        self._answers = {name: asyncio.get_running_loop().create_future() for name in ("started", "ended", "gone")}
        try:
            await self._ask(request, theirs)
            await self.answer("started")
        except OSError as error:
            os.close(ours)
            raise ConfigurationError(f"cannot run {words[0]}: {error.strerror}") from error
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return ClientProcess(self, ours)

    async def answer(self, name: str) -> int:
        """Return what the supervisor says of the client under that name, as soon as it does."""
        return await asyncio.shield(self._answers[name])

    async def end_client(self) -> None:
        """End the client and whatever it started."""
        await self._ask({})
        await self.answer("gone")

    async def close(self) -> None:
        """End the supervisor, and its client if there is one."""
        self._channel.shutdown(socket.SHUT_RDWR)
        await self._listening
        self._channel.close()
        await self._process.wait()
        self.folder.close()

    async def _ask(self, request: dict[str, Any], *descriptors: int) -> None:
        data = json.dumps(request).encode()
        head = len(data).to_bytes(4, "big")
        try:
            if descriptors:
                socket.send_fds(self._channel, [head], descriptors)  # nothing waits to be sent: four octets have room
            else:
                await asyncio.get_running_loop().sock_sendall(self._channel, head)
            await asyncio.get_running_loop().sock_sendall(self._channel, data)
        except ConnectionError as error:
            raise LabError(_GONE) from error

    async def _listen(self) -> None:
        """Take the supervisor's answers until it is gone."""
        rest = b""
        with contextlib.suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(self._channel, 1 << 12):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LabError(_GONE))
                answer.exception()  # whoever waits gets it; that nobody does is no fault

    def _take(self, told: dict[str, int]) -> None:
        ((name, value),) = told.items()
        if name == "failed":
            self._answers["started"].set_exception(OSError(value, os.strerror(value)))
        elif not self._answers[name].done():
            self._answers[name].set_result(value)
