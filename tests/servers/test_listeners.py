"""Sockets are bound all or none, on one port per service for every address, and listen only when told to."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from labserver.errors import ConfigurationError
from labserver.servers import listeners
from labserver.servers.listeners import Bound, bind_all, exposure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BOTH = ("127.0.0.1", "::1")


def _has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port of 127.0.0.1 that somebody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def _closed(bound: Sequence[Bound]) -> None:
    for one in bound:
        for sock in one.sockets:
            sock.close()


def _free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@needs_ipv6
def test_any_port_is_one_port() -> None:
    """Port 0 gives each service a port, the same one on all addresses."""
    bound = bind_all({"imap": 0, "smtp": 0}, _BOTH)
    try:
        assert [one.service for one in bound] == ["imap", "smtp"]
        assert bound[0].port != bound[1].port
        for one in bound:
            assert [sock.family for sock in one.sockets] == [socket.AF_INET, socket.AF_INET6]
            assert {sock.getsockname()[1] for sock in one.sockets} == {one.port}
    finally:
        _closed(bound)


def test_nobody_listens_yet() -> None:
    """Binding is not listening: nobody can connect before the lab is ready."""
    bound = bind_all({"imap": 0}, ("127.0.0.1",))
    try:
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", bound[0].port))
    finally:
        _closed(bound)


def test_a_taken_port(taken: int) -> None:
    """A port in use is told with service, address, port and what to do; nothing stays bound."""
    free = _free_port()
    with pytest.raises(ConfigurationError) as caught:
        bind_all({"smtp": free, "imap": taken}, ("127.0.0.1",))
    text = str(caught.value)
    assert f"imap: cannot listen on 127.0.0.1 port {taken}" in text
    assert "--imap-port" in text
    assert "\n" not in text
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", free))  # ours again


@needs_ipv6
def test_taken_on_the_other_address() -> None:
    """A port that is free on one address only is in use."""
    with socket.socket(socket.AF_INET6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"imap: cannot listen on ::1 port {port}: it is in use"):
            bind_all({"imap": port}, _BOTH)


def test_the_whole_loopback() -> None:
    """Where the system can, one socket serves every address of 127.0.0.0/8: scenarios have one each."""
    (bound,) = bind_all({"imap": 0}, ("127.0.0.1",))
    (sock,) = bound.sockets
    with sock:
        if not bound.whole_loopback:
            assert sock.getsockname()[0] == "127.0.0.1"
            pytest.skip("this system cannot bind to a device")
        device = sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
        assert device.rstrip(b"\0") == b"lo", "no other machine gets here"
        sock.listen()
        with socket.create_connection(("127.66.1.2", bound.port)) as client:
            assert client.getpeername()[0] == "127.66.1.2"


def test_without_the_whole_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot, 127.0.0.1 is served alone."""
    monkeypatch.delattr(socket, "SO_BINDTODEVICE", raising=False)
    (bound,) = bind_all({"imap": 0}, ("127.0.0.1",))
    _closed([bound])
    assert not bound.whole_loopback


class _Crowded:
    """Binds like the real one, but finds every port taken on the second address ``times`` times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.tried: list[tuple[str, int]] = []
        self._bind = listeners._bind  # noqa: SLF001 -- the system call it wraps cannot be crowded on purpose

    def __call__(self, address: str, port: int) -> socket.socket:
        self.tried.append((address, port))
        if address == "127.0.0.3" and port and self.times:
            self.times -= 1
            raise OSError(errno.EADDRINUSE, "in use")
        return self._bind(address, port)


def test_any_port_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is free on one address and taken on another is given up for the next one."""
    crowded = _Crowded(3)
    monkeypatch.setattr(listeners, "_bind", crowded)
    bound = bind_all({"imap": 0}, ("127.0.0.2", "127.0.0.3"))
    _closed(bound)
    assert len({sock.family for sock in bound[0].sockets}) == 1
    assert len(crowded.tried) == 2 + 4 * 2


def test_any_port_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not tried for ever."""
    monkeypatch.setattr(listeners, "_bind", _Crowded(1000))
    with pytest.raises(ConfigurationError, match=r"imap: cannot listen on 127\.0\.0\.3"):
        bind_all({"imap": 0}, ("127.0.0.2", "127.0.0.3"))


@pytest.mark.parametrize(
    ("addresses", "used"), [(_BOTH, ["127.0.0.1"]), (("::1", "127.0.0.1"), ["127.0.0.1"]), (("::1",), None)]
)
def test_no_ipv6(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str], used: list[str] | None) -> None:
    """Without IPv6 its loopback is left out, unless nothing else was asked for."""
    real = listeners._bind  # noqa: SLF001 -- stands for a machine without IPv6

    def bind(address: str, port: int) -> socket.socket:
        if ":" in address:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6")
        return real(address, port)

    monkeypatch.setattr(listeners, "_bind", bind)
    if used is None:
        with pytest.raises(ConfigurationError, match="--bind ::1: no IPv6; name"):
            bind_all({"imap": 0}, addresses)
        return
    bound = bind_all({"imap": 0}, addresses)
    _closed(bound)
    assert len(bound[0].sockets) == len(used)


@pytest.mark.parametrize("ports", [{"imap": 0}, {"imap": 0, "smtp": 0}])
def test_an_address_that_is_not_ours(ports: Mapping[str, int]) -> None:
    """An address of another machine is told as such."""
    with pytest.raises(
        ConfigurationError, match=r"--bind 192\.0\.2\.1: Cannot assign.*name an address of this machine"
    ):
        bind_all(ports, ("127.0.0.1", "192.0.2.1"))


def test_a_reserved_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port below 1024 is told with the reason."""
    real = listeners._bind  # noqa: SLF001 -- stands for a user who may not bind there

    def bind(address: str, port: int) -> socket.socket:
        if port == 25:
            raise OSError(errno.EACCES, "denied")
        return real(address, port)

    monkeypatch.setattr(listeners, "_bind", bind)
    with pytest.raises(ConfigurationError, match=r"smtp: cannot listen on 127\.0\.0\.2 port 25: ports below 1024"):
        bind_all({"smtp": 25}, ("127.0.0.2",))


def test_a_port_can_be_had_again_at_once() -> None:
    """A lab that ended a second ago does not keep its successor from the same port."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.listen()
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        accepted, _ = server.accept()
        accepted.close()  # the server closes first, so the port is in TIME_WAIT
        assert client.recv(1) == b""
    _closed(bind_all({"imap": port}, ("127.0.0.1",)))


@pytest.mark.parametrize(
    ("addresses", "warned"),
    [
        (("127.0.0.1", "::1"), False),
        (("127.66.1.2",), False),
        (("0.0.0.0",), True),
        (("::",), True),
        (("127.0.0.1", "192.0.2.7"), True),
    ],
)
def test_exposure(addresses: Sequence[str], *, warned: bool) -> None:
    """Whatever other machines may reach is warned of, by address."""
    warning = exposure(addresses)
    assert (warning is not None) is warned
    if warning is not None:
        assert addresses[-1] in warning
        assert "127.0.0.1" not in warning
