"""The one event loop: Twisted's asyncio reactor, so that Twisted's transports and asyncio code share it.

The reactor is started and stopped around ``run_until_complete``; calling ``reactor.stop()`` inside it would stop the
loop before the coroutine has finished.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run"]

T = TypeVar("T")


def run(main: Coroutine[object, object, T]) -> T:
    """Run ``main`` on a new event loop with Twisted's reactor on it; can be done once per process."""
    from twisted.internet import asyncioreactor  # noqa: PLC0415 -- costs a tenth of a second, and only servers need it

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]  # Twisted has not typed it
    from twisted.internet import reactor  # noqa: PLC0415 -- exists only now

    reactor.startRunning(installSignalHandlers=False)  # type: ignore[attr-defined]  # the module is the reactor
    try:
        return loop.run_until_complete(main)
    finally:
        reactor.stop()
        loop.run_forever()
        loop.close()
