"""Where a running lab's transcript goes besides memory: a file (``--transcript``) and the log."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError, reason
from labserver.private_files import open_appending
from labserver.report.ndjson import encoded
from labserver.report.text import lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from io import FileIO

    from labserver.events import Event
    from labserver.session.transcript import SessionRecord, Transcript

__all__ = ["follow"]

log = logging.getLogger("labserver.sessions")

_LIFE = frozenset(
    {"Connected", "TlsEstablished", "TlsFailed", "AuthenticationSucceeded", "AuthenticationFailed", "Disconnected"}
)


@contextlib.contextmanager
def follow(transcript: Transcript, options: argparse.Namespace) -> Iterator[None]:
    """Write the transcript to where the options say, for as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        if options.transcript is not None:
            stack.enter_context(_to_file(transcript, options))
        if log.isEnabledFor(logging.INFO):
            stack.enter_context(_subscribed(transcript, _log_event))
        yield


@contextlib.contextmanager
def _subscribed(transcript: Transcript, subscriber: Callable[[SessionRecord, Event], None]) -> Iterator[None]:
    transcript.subscribers.add(subscriber)
    try:
        yield
    finally:
        transcript.subscribers.discard(subscriber)


@contextlib.contextmanager
def _to_file(transcript: Transcript, options: argparse.Namespace) -> Iterator[None]:
    try:
        # Without a buffer: each line is one write, so that somebody who follows the file finds whole lines.
        stream = os.fdopen(open_appending(options.transcript), "ab", buffering=0)
    except OSError as error:
        raise ConfigurationError(f"--transcript {options.transcript}: {reason(error, options.transcript)}") from error

    def write(record: SessionRecord, event: Event) -> None:
        try:
            line = encoded(record.number, record.started, event, secrets=options.show_secrets).encode() + b"\n"
            _write_whole(stream, line)
        except OSError as error:  # a full disk is no reason to stop serving
            transcript.subscribers.discard(write)
            log.error("--transcript %s: %s; it ends here", options.transcript, error.strerror)  # noqa: TRY400 -- the reason is in the line

    try:
        with _subscribed(transcript, write):
            yield
    finally:
        stream.close()


def _write_whole(stream: FileIO, line: bytes) -> None:
    """Write a line, which a pipe may take in parts; raises OSError, also for a pipe that would not wait."""
    while line:
        taken = stream.write(line)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        line = line[taken:]


def _log_event(record: SessionRecord, event: Event) -> None:
    """Log a session's life at ``info`` and its dialogue at ``debug``."""
    level = logging.INFO if type(event).__name__ in _LIFE else logging.DEBUG
    if log.isEnabledFor(level):
        for line in lines(json.loads(encoded(record.number, record.started, event))):
            log.log(level, "%s", line.strip())
