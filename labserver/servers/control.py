"""The lab's transcript for other processes: a socket in the run directory that only its owner can open.

One request line, ``transcript [follow] [secrets]``; the answer is what is kept, as lines of JSON, then, when following,
every event as it happens until either side closes. A reader that does not read is dropped rather than waited for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labserver.report.ndjson import encoded

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.events import Event
    from labserver.servers.transcript import SessionRecord, Transcript

__all__ = ["ControlSocket"]

_BACKLOG_LIMIT = 16 << 20
"""Octets a follower may be behind before it is dropped."""


class ControlSocket:
    """Serves the transcript on a Unix socket."""

    def __init__(self, path: Path, transcript: Transcript) -> None:
        self._path = path
        self._transcript = transcript
        self._server: asyncio.AbstractServer | None = None
        self._followers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and end the followers."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._followers):
            writer.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            words = (await reader.readline()).split()
            secrets = b"secrets" in words
            for record in self._transcript.records():
                for event in tuple(record.events):
                    _write(writer, record, event, secrets=secrets)
                await writer.drain()
            if b"follow" in words:
                await self._follow(reader, writer, secrets=secrets)
        except (ConnectionError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secrets: bool) -> None:
        def tell(record: SessionRecord, event: Event) -> None:
            if writer.transport.get_write_buffer_size() > _BACKLOG_LIMIT:
                writer.transport.abort()
            elif not writer.is_closing():
                _write(writer, record, event, secrets=secrets)

        self._transcript.subscribers.add(tell)
        self._followers.add(writer)
        try:
            await reader.read()  # until the follower goes
        finally:
            self._transcript.subscribers.discard(tell)
            self._followers.discard(writer)


def _write(writer: asyncio.StreamWriter, record: SessionRecord, event: Event, *, secrets: bool) -> None:
    writer.write(encoded(record.number, record.started, event, secrets=secrets).encode("utf-8") + b"\n")
