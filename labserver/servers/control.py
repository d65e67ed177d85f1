"""What the lab tells other processes of its owner: a socket in the run directory that nobody else can open.

One request line. ``transcript [follow] [secrets]``: the answer is what is kept, as lines of JSON, then, when following,
every event as it happens until either side closes. A reader that does not read is dropped rather than waited for.
``certificate server``, ``certificate client ACCOUNT`` and ``certificate scenario [ID, HOST …]`` (in JSON, a string or a
list): the chain that the lab serves, a new one of its CA for SASL EXTERNAL, or a scenario's, with its key, as a line of
:mod:`labserver.pki.portable`. ``anchors ID`` (in JSON, a string): files with what a client of that scenario is told to
trust, as the ready record has the lab's. Or ``{"error": …, "unavailable": …}``.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.portable import packed
from labserver.report.ndjson import encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from labserver.events import Event
    from labserver.pki.chain import Chain
    from labserver.pki.material import Material
    from labserver.servers.transcript import SessionRecord, Transcript

__all__ = ["ControlSocket"]

_BACKLOG_LIMIT = 16 << 20
"""Octets a follower may be behind before it is dropped."""


class ControlSocket:
    """Serves the transcript and certificates on a Unix socket."""

    def __init__(
        self,
        path: Path,
        transcript: Transcript,
        material: Material,
        chain: Callable[[str, tuple[str, ...]], Chain],
        anchors: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._path = path
        self._transcript = transcript
        self._material = material
        self._chain = chain
        self._anchors = anchors
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
            request, _, rest = (await reader.readline()).partition(b" ")
            if request in {b"certificate", b"anchors"}:
                told = self._certificate if request == b"certificate" else self._files
                writer.write(_answered(told, rest.strip()).encode() + b"\n")
                await writer.drain()
            else:
                await self._tell_transcript(rest.split(), reader, writer)
        except (ConnectionError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    async def _tell_transcript(
        self, words: list[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        follower = _Follower(writer, secrets=b"secrets" in words)
        kept = [(record, tuple(record.events)) for record in self._transcript.records()]
        if b"follow" in words:  # from this moment on, in which the rest was taken: nothing is missed or told twice
            self._transcript.subscribers.add(follower.tell)
            self._followers.add(writer)
        try:
            for record, events in kept:
                follower.write(record, events)
                await writer.drain()
            follower.catch_up()
            if b"follow" in words:
                await reader.read()  # until the follower goes
        finally:
            self._transcript.subscribers.discard(follower.tell)
            self._followers.discard(writer)

    def _certificate(self, wanted: bytes) -> str:
        side, _, said = wanted.partition(b" ")
        if side == b"client":
            return packed(self._material.issuer.issue_client(json.loads(said)))
        if side == b"scenario":
            identifier, *hosts = json.loads(said)
            return packed(self._chain(identifier, tuple(hosts)))
        return packed(self._material.chain)

    def _files(self, wanted: bytes) -> str:
        return json.dumps(self._anchors(json.loads(wanted)))


def _answered(told: Callable[[bytes], str], wanted: bytes) -> str:
    """Return what ``told`` tells, or why it cannot."""
    try:
        return told(wanted)
    except (ConfigurationError, UnavailableError) as error:
        return json.dumps({"error": str(error), "unavailable": isinstance(error, UnavailableError)})
    except KeyError as error:
        return json.dumps({"error": f"the lab has no scenario {error.args[0]}", "unavailable": False})


class _Follower:
    """Tells one reader what happens; what happens while it is told what was comes after that."""

    def __init__(self, writer: asyncio.StreamWriter, *, secrets: bool) -> None:
        self._writer = writer
        self._secrets = secrets
        self._meanwhile: list[tuple[SessionRecord, Event]] | None = []

    def tell(self, record: SessionRecord, event: Event) -> None:
        """Tell what has just happened; a reader that does not read is dropped."""
        if self._meanwhile is not None:
            self._meanwhile.append((record, event))
        elif self._writer.transport.get_write_buffer_size() > _BACKLOG_LIMIT:
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self.write(record, (event,))

    def catch_up(self) -> None:
        """Tell what happened meanwhile."""
        meanwhile, self._meanwhile = self._meanwhile, None
        for record, event in meanwhile or ():
            self.write(record, (event,))

    def write(self, record: SessionRecord, events: Iterable[Event]) -> None:
        """Write events of a session, each on a line."""
        for event in events:
            line = encoded(record.number, record.started, event, secrets=self._secrets)
            self._writer.write(line.encode("utf-8") + b"\n")
