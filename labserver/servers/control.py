"""What the lab tells other processes of its owner: a socket in the run directory that nobody else can open.

One request line. ``transcript [follow] [secrets]``: the answer is what is kept, as lines of JSON, then, when following,
every event as it happens until either side closes. A reader that does not read is dropped rather than waited for.
``certificate server``, ``certificate client ACCOUNT`` and ``certificate scenario [ID, HOST …]`` (in JSON, a string or a
list): the chain that the lab serves, a new one of its CA for SASL EXTERNAL, or a scenario's, with its key, as a line of
:mod:`labserver.pki.portable`. ``anchors ID`` (in JSON, a string): files with what a client of that scenario is told to
trust, as the ready record has the lab's. Any other request, and what the lab cannot do, is answered with
``{"error": …, "unavailable": …}``.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, assert_never

from labserver.errors import ConfigurationError, UnavailableError
from labserver.nearest import did_you_mean
from labserver.pki.portable import packed
from labserver.report.ndjson import encoded
from labserver.servers.control_requests import LONGEST, Anchors, Certificate, RequestError, TellTranscript, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from labserver.catalogue.catalogue import Catalogue
    from labserver.events import Event
    from labserver.pki.chain import Chain
    from labserver.pki.material import Material
    from labserver.session.transcript import SessionRecord, Transcript

__all__ = ["ControlSocket"]

_BACKLOG_LIMIT = 16 << 20
"""Octets a follower may be behind before it is dropped."""
_CONNECTIONS = 64
"""Connections at once."""
_PATIENCE = 10.0
"""Seconds until a request must be there."""
_FAREWELL = 0.5
"""Seconds for a reader to take the rest when the lab ends."""
_ACCEPTING = 8
"""Turns of the loop that asyncio needs, at the most, until a connection that was accepted has its task."""
_READ = 1 << 16
_CREDENTIALS = struct.Struct("3i")
"""Linux's struct ucred: process, user, group (unix(7))."""


class ControlSocket:
    """Serves the transcript and certificates on a Unix socket."""

    def __init__(
        self,
        path: Path,
        transcript: Transcript,
        material: Material,
        chain: Callable[[str, tuple[str, ...]], Chain],
        anchors: Callable[[str], Mapping[str, str]],
        catalogue: Catalogue,
    ) -> None:
        self._path = path
        self._transcript = transcript
        self._material = material
        self._chain = chain
        self._anchors = anchors
        self._catalogue = catalogue
        self._server: asyncio.AbstractServer | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listening.bind(str(self._path))  # 0600 from its first moment
        finally:
            os.umask(mask)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LONGEST)

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; nothing that a client sends, or does not, is an exception here."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- the server makes one for each connection
        self._open.add(task)
        closed = asyncio.ensure_future(writer.wait_closed())
        try:
            await self._talk(reader, writer)
            writer.close()
            await asyncio.wait({closed})  # it counts until its reader has taken all
        except OSError:
            pass  # it went away
        except asyncio.CancelledError:  # the lab ends; what is written already may still be read, for a moment
            writer.close()
            await asyncio.wait({closed}, timeout=_FAREWELL)
        finally:
            await _closed(writer, closed)
            self._open.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self._admit(writer.get_extra_info("socket"))
            await self._answer(await _request_line(reader), reader, writer)
        except RequestError as error:
            writer.write(_error(str(error)))

    def _admit(self, connection: socket.socket) -> None:
        """Raise RequestError for another user, and for one connection too many."""
        if not _is_owner(connection):
            raise RequestError("this lab belongs to another user")
        if len(self._open) > _CONNECTIONS:
            raise RequestError(f"too many connections: {_CONNECTIONS} at once; try again later")

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not line:
            return  # somebody who only looked whether the socket answers
        request = parse(line)
        match request:
            case TellTranscript():
                await self._tell_transcript(request, reader, writer)
            case Certificate():
                writer.write(self._answered(lambda: self._certificate(request)))
            case Anchors():
                writer.write(self._answered(lambda: json.dumps(self._anchors(request.scenario))))
            case _:
                assert_never(request)

    async def _tell_transcript(
        self, request: TellTranscript, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        follower = _Follower(writer, secrets=request.secrets)
        kept = [(record, tuple(record.events)) for record in self._transcript.records()]
        if request.follow:  # from this moment on, in which the rest was taken: nothing is missed or told twice
            self._transcript.subscribers.add(follower.tell)
        try:
            for record, events in kept:
                follower.write(record, events)
                await writer.drain()
            follower.catch_up()
            while request.follow and await reader.read(_READ):  # until the follower goes; it has nothing to say
                pass
        finally:
            self._transcript.subscribers.discard(follower.tell)

    def _answered(self, told: Callable[[], str]) -> bytes:
        """Return what ``told`` tells, or why it cannot, as a line."""
        try:
            return told().encode() + b"\n"
        except (ConfigurationError, UnavailableError) as error:
            return _error(str(error), unavailable=isinstance(error, UnavailableError))
        except KeyError as error:
            near = did_you_mean(str(error.args[0]), self._catalogue)
            return _error(f"the lab has no scenario {error.args[0]}{near}")
        except ValueError as error:
            return _error(f"no certificate can be made for that: {error}")

    def _certificate(self, wanted: Certificate) -> str:
        if wanted.account is not None:
            return packed(self._material.issuer.issue_client(wanted.account))
        if wanted.scenario is not None:
            return packed(self._chain(wanted.scenario, wanted.hosts))
        return packed(self._material.chain)


async def _closed(writer: asyncio.StreamWriter, closed: asyncio.Future[None]) -> None:
    """Return when a connection has ended, at once; ``closed`` tells it."""
    if not closed.done():
        writer.transport.abort()
        await asyncio.wait({closed})
    closed.exception()  # that the reader reset it is no news


async def _request_line(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await reader.readline()
    except ValueError as error:  # what readline makes of a line beyond the reader's limit
        raise RequestError(f"the request is too long: more than {LONGEST} octets") from error
    except TimeoutError as error:
        raise RequestError(f"no request came within {_PATIENCE:g} seconds") from error


def _is_owner(connection: socket.socket) -> bool:
    """Tell whether the other side is the lab's own user, or root; where the system does not tell, the mode decides."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(told)
    return user in (0, os.geteuid())


def _error(text: str, *, unavailable: bool = False) -> bytes:
    return json.dumps({"error": text, "unavailable": unavailable}).encode() + b"\n"


class _Follower:
    """Tells one reader what happens; what happens while it is told what was comes after that."""

    def __init__(self, writer: asyncio.StreamWriter, *, secrets: bool) -> None:
        self._writer = writer
        self._secrets = secrets
        self._meanwhile: bytearray | None = bytearray()

    def tell(self, record: SessionRecord, event: Event) -> None:
        """Tell what has just happened; a reader that does not read is dropped."""
        behind = self._writer.transport.get_write_buffer_size() + len(self._meanwhile or b"")
        if self._writer.is_closing():
            return
        if behind > _BACKLOG_LIMIT:
            self._meanwhile = None
            self._writer.transport.abort()
        elif self._meanwhile is not None:
            self._meanwhile += self._line(record, event)
        else:
            self.write(record, (event,))

    def catch_up(self) -> None:
        """Tell what happened meanwhile."""
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            self._writer.write(meanwhile)

    def write(self, record: SessionRecord, events: Iterable[Event]) -> None:
        """Write events of a session, each on a line."""
        for event in events:
            self._writer.write(self._line(record, event))

    def _line(self, record: SessionRecord, event: Event) -> bytes:
        return encoded(record.number, record.started, event, secrets=self._secrets).encode("utf-8") + b"\n"
