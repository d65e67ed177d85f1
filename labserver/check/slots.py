"""How many clients run at the same time, and who starts them.

A client that only waits gives up its slot to another one: a case in which the server stalls costs the whole patience,
and no processor. A client waits when it has connected and has sent nothing for a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

from labserver.check.client import Launcher
from labserver.events import RawReceived

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from labserver.check.naming import Naming
    from labserver.servers.leases import Lease

__all__ = ["Slots"]

_SILENCE = 1.0
"""Seconds without an octet from the client after which it counts as waiting."""
_WAITING = 8
"""Clients that may wait besides, for each slot."""


class Slots:
    """Up to ``jobs`` clients that are busy, and some more that wait; with one job never more than one at a time."""

    def __init__(self, jobs: int, *, naming: Naming, certificates: Path | None = None) -> None:
        """``certificates`` is a folder in which each supervisor gets one of its own, its clients' system-wide CAs."""
        self.at_once = jobs if jobs == 1 else jobs * (1 + _WAITING)
        """Clients at the same time, those that wait included."""
        self._busy = asyncio.Semaphore(jobs)
        self._shares = jobs > 1
        self._naming = naming
        self._certificates = certificates
        self._numbers = itertools.count()
        self._idle: list[Launcher] = []
        self._launchers: list[Launcher] = []

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Wait for a slot, and have it until the block is left."""
        await self._busy.acquire()
        slot = Slot(self._busy, shared=self._shares)
        try:
            yield slot
        finally:
            slot.release()

    @contextlib.asynccontextmanager
    async def launcher(self) -> AsyncIterator[Launcher]:
        """Lend a launcher that nobody uses; raises ConfigurationError if there is none and none can be started."""
        launcher = self._idle.pop() if self._idle else await self._started()
        try:
            yield launcher
        finally:
            self._idle.append(launcher)

    async def close(self) -> None:
        """End all launchers, and what they run."""
        await asyncio.gather(*(launcher.close() for launcher in self._launchers))

    async def _started(self) -> Launcher:
        certificates = None
        if self._certificates is not None:
            certificates = self._certificates / str(next(self._numbers))
            certificates.mkdir(parents=True)
        launcher = await Launcher.start(self._naming.behind(certificates), certificates)
        self._launchers.append(launcher)
        return launcher


class Slot:
    """One client's."""

    def __init__(self, busy: asyncio.Semaphore, *, shared: bool) -> None:
        self._busy = busy
        self._shared = shared
        self._held = True

    def release(self) -> None:
        """Let another client have it, once."""
        if self._held:
            self._held = False
            self._busy.release()

    def client_ended(self) -> None:
        """Let another client have it while the lab looks at what this one has done."""
        if self._shared:
            self.release()

    async def release_when_waiting(self, lease: Lease) -> None:
        """Let another client have it as soon as the one that is connected to ``lease`` only waits."""
        heard = -1
        while self._shared:
            await asyncio.sleep(_SILENCE)
            now = _heard(lease)
            if lease.connections.connections and now == heard:
                self.release()
                return
            heard = now


def _heard(lease: Lease) -> int:
    """Return a number that rises with what clients have sent to a lease."""
    return sum(1 + sum(isinstance(event, RawReceived) for event in tuple(record.events)) for record in lease.sessions)
