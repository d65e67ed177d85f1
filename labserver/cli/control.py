"""Asking a running lab on its control socket: one request, lines of answer."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["answered", "require_running"]


def require_running(record: Mapping[str, object]) -> None:
    """Raise ConfigurationError if nobody listens where the lab of a ready record does."""
    with _connected(record):
        pass


@contextmanager
def _connected(record: Mapping[str, object]) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(record.get("control", "")))
            yield connection
        except OSError as error:
            raise ConfigurationError(f"the lab does not answer: {error.strerror}; is it still running?") from error


def answered(record: Mapping[str, object], request: str) -> Iterator[str]:
    """Yield the lines that the lab of a ready record answers; raises ConfigurationError if it does not answer."""
    with _connected(record) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused already: the reason can be read
            connection.sendall(f"{request}\n".encode())
        with connection.makefile("r", encoding="utf-8") as stream:
            yield from stream
