"""Listeners: every socket is bound before the first one listens, and all listen before anything is announced."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.interfaces import IListeningPort, IReactorSocket
    from twisted.internet.protocol import ServerFactory

__all__ = ["Bound", "bind_all", "exposure", "listen"]

_LOOPBACK = "127.0.0.1"
_TRIES = 20
_BACKLOG = 511


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The sockets of one service: one per address, all on one port."""

    service: str
    port: int
    sockets: tuple[socket.socket, ...]
    whole_loopback: bool = False
    """All of 127.0.0.0/8 leads here, so every scenario's address does."""


def exposure(addresses: Sequence[str]) -> str | None:
    """Return the warning for addresses that other machines may reach, None if all are loopback."""
    open_to = [address for address in addresses if not ipaddress.ip_address(address).is_loopback]
    if not open_to:
        return None
    return (
        f"listening on {', '.join(open_to)}: every machine that reaches this address can use this test server, "
        "read and send its mail and try its published passwords"
    )


def bind_all(ports: Mapping[str, int], addresses: Sequence[str]) -> list[Bound]:
    """Bind every service to its port on every address; port 0 means any, the same one on all addresses.

    Raises ConfigurationError, with nothing left bound, if a port is taken or an address is not this machine's. A
    missing IPv6 loopback is no error: it is left out when IPv4's is there.
    """
    bound: list[Bound] = []
    usable = _usable(addresses)
    try:
        for service, port in ports.items():
            bound.append(_bind_service(service, port, usable))
    except BaseException:
        for one in bound:
            for sock in one.sockets:
                sock.close()
        raise
    return bound


def _usable(addresses: Sequence[str]) -> list[str]:
    """Leave out ``::1`` where this machine has no IPv6 and another address remains."""
    usable = []
    for address in addresses:
        try:
            _bind(address, 0).close()
        except OSError as error:
            if address == "::1" and len(addresses) > 1:
                continue
            raise ConfigurationError(f"--bind {address}: {error.strerror}; name an address of this machine") from error
        usable.append(address)
    return usable


def _bind_service(service: str, port: int, addresses: Sequence[str]) -> Bound:
    for attempt in range(_TRIES):
        whole_loopback = False
        sockets: list[socket.socket] = []
        try:
            for address in addresses:
                taken = sockets[0].getsockname()[1] if sockets else port
                whole = _bind_whole_loopback(taken) if address == _LOOPBACK else None
                sockets.append(whole or _bind(address, taken))
                whole_loopback = whole_loopback or whole is not None
        except OSError as error:
            for sock in sockets:
                sock.close()
            if port == 0 and error.errno == errno.EADDRINUSE and attempt < _TRIES - 1:
                continue  # the free port of one address is taken on another: try the next one
            raise ConfigurationError(_explain(service, address, port, error)) from error
        return Bound(
            service=service,
            port=sockets[0].getsockname()[1],
            sockets=tuple(sockets),
            whole_loopback=whole_loopback,
        )
    raise ConfigurationError(f"{service}: no port is free on all of {', '.join(addresses)}")


def _explain(service: str, address: str, port: int, error: OSError) -> str:
    where = f"{service}: cannot listen on {address} port {port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where}: it is in use; stop what uses it, or choose --{service}-port, --port-offset or --ports any"
        case errno.EACCES:
            return f"{where}: ports below 1024 are reserved; choose a higher one"
        case _:
            return f"{where}: {error.strerror}"


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004 -- IPv6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.setblocking(False)  # noqa: FBT003 -- the socket module's signature
    except OSError:
        sock.close()
        raise
    return sock


def _bind_whole_loopback(port: int) -> socket.socket | None:
    """Return a socket for all of 127.0.0.0/8, which no other machine can reach: it is bound to the loopback device.

    None where the system has no such thing, or the port is taken on some other address: then 127.0.0.1 alone is tried.
    """
    if not hasattr(socket, "SO_BINDTODEVICE"):
        return None
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        sock.bind(("0.0.0.0", port))  # noqa: S104 -- of the loopback device only
        sock.setblocking(False)  # noqa: FBT003 -- the socket module's signature
    except OSError:
        sock.close()
        return None
    return sock


def listen(reactor: IReactorSocket, bound: Bound, factory: ServerFactory) -> list[IListeningPort]:
    """Listen on sockets that are bound already, and hand them to the reactor."""
    ports = []
    for sock in bound.sockets:
        try:
            sock.listen(_BACKLOG)
        except OSError as error:
            raise ConfigurationError(_explain(bound.service, sock.getsockname()[0], bound.port, error)) from error
        ports.append(reactor.adoptStreamPort(sock.fileno(), sock.family, factory))
        sock.close()  # the reactor has its own copy
    return ports
