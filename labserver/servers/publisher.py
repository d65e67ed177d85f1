"""The HTTP port where the lab publishes CRLs, CA certificates and OCSP: loopback only, nothing else to be had there.

The port listens from the start, and Twisted's HTTP is imported for the first client that comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import ServerFactory

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress
    from twisted.internet.protocol import Protocol

    from labserver.limits import Limits
    from labserver.pki.chain import Publications
    from labserver.servers.web import WebFactory

__all__ = ["Publisher"]


class Publisher(ServerFactory):
    """Builds a connection's HTTP."""

    noisy = False

    def __init__(self, publications: Callable[[str], Publications | None], limits: Limits) -> None:
        """``publications`` returns what there is for a scenario's id."""
        self._publications = publications
        self._limits = limits
        self._web: WebFactory | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:  # noqa: N802 -- Twisted's name
        """Return the connection's protocol; None drops it."""
        if self._web is None:
            from labserver.servers.published import Published  # noqa: PLC0415 -- only when somebody comes
            from labserver.servers.web import WebFactory  # noqa: PLC0415 -- the same

            self._web = WebFactory(Published(self._publications), connections=self._limits.connections)
        return None if self._web.full else self._web.buildProtocol(addr)

    def drop(self) -> None:
        """Drop every connection."""
        if self._web is not None:
            self._web.drop()
