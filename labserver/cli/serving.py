"""A lab in this process: started, announced, waited for, stopped. Shared by ``up`` and ``run``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import stat
import sys
import time
from typing import TYPE_CHECKING

from labserver.cli import run_directory
from labserver.lab import Lab
from labserver.private_files import PRIVATE, PUBLIC, write_file
from labserver.servers import loop
from labserver.servers.garbage import collecting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from labserver.catalogue.catalogue import Catalogue
    from labserver.settings import Settings

__all__ = ["Running", "parent_gone", "serve"]

_FORCE_AFTER = 1.0
"""Seconds after the first interrupt from which another one no longer waits for clients."""
_PARENT_CHECK = 0.25


class Running:
    """A lab that listens, as the command that runs it sees it."""

    def __init__(self, lab: Lab, record: dict[str, object]) -> None:
        self.lab = lab
        self.record = record
        self.stop = asyncio.Event()
        """Set by a signal, or by whoever wants the lab to end."""
        self.signal = signal.SIGTERM
        """The signal that set it."""
        self._first_signal = 0.0

    def signalled(self, number: int) -> None:
        """Drain at the first signal; only a later, second interrupt forces (programs repeat SIGTERM by accident)."""
        now = time.monotonic()
        if not self.stop.is_set():
            self._first_signal = now
            self.signal = signal.Signals(number)
            self.stop.set()
        elif number == signal.SIGINT and now - self._first_signal > _FORCE_AFTER:
            os._exit(130)


def serve(settings: Settings, catalogue: Catalogue, command: Callable[[Running], Awaitable[int]]) -> int:
    """Start a lab, await ``command`` with it, stop it; return the command's exit code."""
    directory = run_directory.create()
    try:
        with collecting():
            lab = Lab(settings, catalogue, run_directory=directory)
            return loop.run(_serve(lab, command))
    finally:
        run_directory.remove(directory)


async def _serve(lab: Lab, command: Callable[[Running], Awaitable[int]]) -> int:
    from twisted.internet import reactor  # noqa: PLC0415 -- installed by loop.run

    from labserver.servers.control import ControlSocket  # noqa: PLC0415 -- after the reactor

    lab.start(reactor)  # type: ignore[arg-type]  # Twisted's stub has the module's default reactor
    control = ControlSocket(
        lab.run_directory / "control.sock",
        lab.transcript,
        lab.material,
        lab.chains.chain,
        lab.anchors.told,
        lab.catalogue,
    )
    try:
        await control.start()
        record = lab.record()
        _leave_files(lab, record)
        running = Running(lab, record)
        gc.freeze()  # what the lab is made of, and the mail it began with, stays
        event_loop = asyncio.get_running_loop()
        for number in _stopping_signals():
            event_loop.add_signal_handler(number, running.signalled, number)
        return await command(running)
    finally:
        await lab.stop()
        await control.stop()


def _stopping_signals() -> tuple[signal.Signals, ...]:
    """Return what ends a lab in good order; a terminal that closes does not where nohup had that ignored."""
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGTERM, signal.SIGINT, *hangup)


def _leave_files(lab: Lab, record: dict[str, object]) -> None:
    """Put the CA and the ready record where clients and other commands find them."""
    from labserver.pki.export import trust_files  # noqa: PLC0415 -- cryptography is loaded by now

    for file in trust_files(lab.material.chain.anchors):
        write_file(lab.run_directory / file.name, file.content, mode=PUBLIC, durable=False)
    ready = json.dumps(record).encode()
    write_file(lab.run_directory / run_directory.READY, ready, mode=PRIVATE, durable=False)


async def parent_gone() -> None:
    """Return when the process that started us is gone: our standard input's pipe ends, or we have another parent."""
    if sys.stdin is not None and _ends_with_its_writer(sys.stdin.fileno()):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
        )
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        return
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 -- the system sends no event for it
        await asyncio.sleep(_PARENT_CHECK)


def _ends_with_its_writer(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
