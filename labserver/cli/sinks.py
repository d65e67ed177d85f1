"""Where a running lab's transcript goes besides memory: a file (``--transcript``) and the log."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.private_files import open_appending
from labserver.report.ndjson import encoded
from labserver.report.text import lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from labserver.events import Event
    from labserver.servers.transcript import SessionRecord, Transcript

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
        stream = os.fdopen(open_appending(options.transcript), "a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ConfigurationError(f"--transcript {options.transcript}: {error.strerror}") from error

    def write(record: SessionRecord, event: Event) -> None:
        try:
            stream.write(encoded(record.number, record.started, event, secrets=options.show_secrets) + "\n")
        except OSError as error:  # a full disk is no reason to stop serving
            transcript.subscribers.discard(write)
            log.error("--transcript %s: %s; it ends here", options.transcript, error.strerror)  # noqa: TRY400 -- the reason is in the line

    try:
        with _subscribed(transcript, write):
            yield
    finally:
        with contextlib.suppress(OSError):  # what a full disk did not take, once more
            stream.close()


def _log_event(record: SessionRecord, event: Event) -> None:
    """Log a session's life at ``info`` and its dialogue at ``debug``."""
    level = logging.INFO if type(event).__name__ in _LIFE else logging.DEBUG
    if log.isEnabledFor(level):
        for line in lines(json.loads(encoded(record.number, record.started, event))):
            log.log(level, "%s", line.strip())
