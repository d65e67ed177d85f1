"""Drives a reference client over real sockets, blocking, in the caller's thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
from functools import cache
from typing import TYPE_CHECKING

from tests.reference.steps import Connect, Receive, RefusedError, Send, StartTls

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.reference.steps import Step
    from tests.reference.traits import Traits

__all__ = ["SocketDriver", "context"]

_ADDRESS = "127.0.0.1"


@cache
def context(ca: str, *, careful: bool, alpn: str = "") -> ssl.SSLContext:
    """Return a context that trusts these certificates (PEM), or one that takes anything; it offers ``alpn``, if any."""
    made = _context(ca, careful=careful)
    if alpn:
        made.set_alpn_protocols([alpn])
    return made


def _context(ca: str, *, careful: bool) -> ssl.SSLContext:
    if careful:
        wary = ssl.create_default_context(cadata=ca)
        wary.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves that to the system
        return wary
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return made


class SocketDriver:
    """One client at work; :meth:`abort` from another thread ends it."""

    def __init__(self, *, host: str, port: int, ca: Path, traits: Traits) -> None:
        self._host = host
        self._port = port
        self._traits = traits
        self._context = context(ca.read_text(), careful=traits.careful)
        self._aborted = False
        self._plain: socket.socket | None = None
        self._current: socket.socket | None = None

    def run(self, steps: Generator[Step, bytes, None]) -> None:
        """Perform the steps until the client has done what it wants."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._perform(step)
                except OSError:
                    step = steps.throw(RefusedError())
                else:
                    step = steps.send(answer)
        except StopIteration:
            pass
        finally:
            self._close()

    def abort(self) -> None:
        """Wake a client that waits, and have it stop."""
        self._aborted = True
        if self._plain is not None:
            with contextlib.suppress(OSError):
                self._plain.shutdown(socket.SHUT_RDWR)

    def _perform(self, step: Step) -> bytes:
        match step:
            case Connect():
                self._close()
                if self._aborted:
                    raise ConnectionAbortedError
                self._current = self._plain = socket.create_connection((_ADDRESS, self._port), self._traits.patience)
                if step.tls:
                    self._secure()
            case Send():
                self._open.sendall(step.data)
            case Receive():
                return self._open.recv(1 << 16)
            case StartTls():
                self._secure()
        return b""

    @property
    def _open(self) -> socket.socket:
        if self._current is None:
            raise ConnectionAbortedError
        return self._current

    def _secure(self) -> None:
        # Not wrapped in place: the plain one stays known, so that abort() can reach it during a handshake.
        copy = self._open.dup()
        copy.settimeout(self._traits.patience)
        try:
            self._current = self._context.wrap_socket(copy, server_hostname=self._host)
        except OSError:
            copy.close()
            raise

    def _close(self) -> None:
        for one in (self._current, self._plain):
            if one is not None:
                one.close()
        self._current = self._plain = None
