"""The control socket: everything that is kept, then everything that happens, nothing twice and nothing missed."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.clock import FixedClock
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.chain import Chain
from labserver.pki.material import Material
from labserver.pki.portable import unpacked
from labserver.servers import control
from labserver.servers.control import ControlSocket
from labserver.session.transcript import Transcript
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from labserver.session.transcript import SessionRecord
    from tests.plain_user import PlainUser


def _reply(number: int, size: int = 1) -> events.ReplySent:
    data = (b"%d " % number).ljust(size, b"x")
    return events.ReplySent(at=0.0, kind="untagged", data=data, secure=True, size=len(data))


def _numbers(lines: list[bytes]) -> list[int]:
    return [int(json.loads(line)["data"].split()[0]) for line in lines]


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the socket goes, short enough for one."""
    return tmp_path_factory.mktemp("control") / "socket"


class _Issuer:
    """An issuer that vouches for whoever has a name."""

    anchors = authorities = (b"root",)

    def issue_server(self, host: str, names: tuple[str, ...]) -> Chain:
        """Not asked for here."""
        raise NotImplementedError(host, names)

    def issue_client(self, account: str) -> Chain:
        """Return a chain whose leaf is the name."""
        if not account:
            raise ConfigurationError("nobody")
        return Chain(leaf=account.encode(), key=b"key", anchors=self.anchors)


_MATERIAL = Material(chain=Chain(leaf=b"server", key=b"key"), issuer=_Issuer())


def _scenario(identifier: str, hosts: tuple[str, ...]) -> Chain:
    """Return a chain whose leaf is what was asked for; one is unavailable, and one unknown."""
    if identifier == "unavailable":
        raise UnavailableError("not here")
    return {"known": Chain(leaf=" ".join(hosts).encode(), key=b"key", staple=b"staple")}[identifier]


def _anchors(identifier: str) -> dict[str, str]:
    """Return where the anchors are of what :func:`_scenario` knows."""
    assert _scenario(identifier, ())
    return {"pem": f"/{identifier}.pem"}


def _served(path: Path, use: Callable[[Transcript], Awaitable[None]]) -> None:
    """Run ``use`` while a transcript is served."""
    faults: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        transcript = Transcript(clock=FixedClock(), octets=1 << 30, raw_octets=1, sessions=1000)
        served = ControlSocket(path, transcript, _MATERIAL, _scenario, _anchors, CATALOGUE)
        await served.start()
        await use(transcript)
        await served.stop()

    asyncio.run(main())
    assert not path.exists()
    assert faults == []


async def _until(ready: Callable[[], bool]) -> None:
    while not ready():  # noqa: ASYNC110 -- the other side of a socket tells nobody when it has read
        await asyncio.sleep(0)


def test_what_is_kept(path: Path) -> None:
    """A request is answered with what is kept, and its end."""

    async def use(transcript: Transcript) -> None:
        for number in range(3):
            transcript.begin().observe(_reply(number))
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"transcript\n")
        assert _numbers((await reader.read()).splitlines()) == [0, 1, 2]
        writer.close()

    _served(path, use)


@pytest.mark.parametrize(
    ("request_line", "leaf"),
    [(b"certificate server\n", b"server"), (b'certificate client "j\\u00f6rg x"\n', "jörg x".encode())],
)
def test_certificates(path: Path, request_line: bytes, leaf: bytes) -> None:
    """The lab's own chain and new ones of its CA are handed to its owner."""
    answers: list[bytes] = []

    async def use(_: Transcript) -> None:
        answers.append(await _asked(path, request_line))

    _served(path, use)
    assert unpacked(answers[0].decode()).leaf == leaf


def test_certificate_refused(path: Path) -> None:
    """What the issuer refuses is told."""
    answers: list[bytes] = []

    async def use(_: Transcript) -> None:
        answers.append(await _asked(path, b'certificate client ""\n'))

    _served(path, use)
    assert answers == [b'{"error": "nobody", "unavailable": false}\n']


@pytest.mark.parametrize(
    ("wanted", "leaf", "said"),
    [
        (b'["known", "a.test", "b.test"]', b"a.test b.test", None),
        (b'["known"]', b"", None),
        (b'"known"', b"", None),
        (b'["unavailable"]', None, {"error": "not here", "unavailable": True}),
        (b'["qqq"]', None, {"error": "the lab has no scenario qqq", "unavailable": False}),
    ],
)
def test_scenarios(path: Path, wanted: bytes, leaf: bytes | None, said: dict[str, object] | None) -> None:
    """A scenario's chain, for the names that are wanted, comes with its staple; what there is not is told."""
    answers: list[bytes] = []

    async def use(_: Transcript) -> None:
        answers.append(await _asked(path, b"certificate scenario %b\n" % wanted))

    _served(path, use)
    if leaf is None:
        assert json.loads(answers[0]) == said
    else:
        assert unpacked(answers[0].decode()) == Chain(leaf=leaf, key=b"key", staple=b"staple")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (b'"known"', {"pem": "/known.pem"}),
        (b'"unavailable"', {"error": "not here", "unavailable": True}),
        (b'"qqq"', {"error": "the lab has no scenario qqq", "unavailable": False}),
    ],
)
def test_anchors(path: Path, wanted: bytes, said: dict[str, object]) -> None:
    """Where a scenario's anchors are is told, or why they are nowhere."""
    answers: list[bytes] = []

    async def use(_: Transcript) -> None:
        answers.append(await _asked(path, b"anchors %b\n" % wanted))

    _served(path, use)
    assert json.loads(answers[0]) == said


async def _asked(path: Path, request_line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request_line)
    answer = await reader.read()
    writer.close()
    return answer


def test_only_the_owner(path: Path) -> None:
    """Nobody else may open it."""
    modes: list[int] = []

    async def use(_: Transcript) -> None:
        modes.append(path.stat().st_mode & 0o777)  # noqa: ASYNC240 -- while it is served

    _served(path, use)
    assert modes == [0o600]


def test_a_reader_that_is_late(path: Path) -> None:
    """What is more than a socket takes is sent as it is read, and then the connection ends."""

    async def use(transcript: Transcript) -> None:
        for number in range(8):
            transcript.begin().observe(_reply(number, 1 << 20))
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 22)
        writer.write(b"transcript\n")
        lines = [await reader.readline()]
        await _asked(path, b"certificate server\n")
        lines += (await reader.read()).splitlines()
        assert _numbers(lines) == list(range(8))
        writer.close()

    _served(path, use)


def test_nothing_is_missed(path: Path) -> None:
    """What happens while a follower is still told what was, comes after it, once."""

    async def use(transcript: Transcript) -> None:
        records: list[SessionRecord] = [transcript.begin() for _ in range(200)]
        for number, record in enumerate(records):
            record.observe(_reply(number, 50_000))  # more than a socket takes at once
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
        writer.write(b"transcript follow\n")
        lines = [await reader.readline()]
        records[0].observe(_reply(200))
        lines += [await reader.readline() for _ in range(200)]
        records[0].observe(_reply(201))
        lines.append(await reader.readline())
        assert _numbers(lines) == list(range(202))
        writer.close()

    _served(path, use)


def test_a_follower_that_goes(path: Path) -> None:
    """A follower that is gone is not told any more, and does not keep anything."""

    async def use(transcript: Transcript) -> None:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"transcript follow\n")
        await _until(lambda: bool(transcript.subscribers))
        writer.close()
        await _until(lambda: not transcript.subscribers)
        transcript.begin().observe(_reply(1))

    _served(path, use)


def test_a_follower_that_does_not_read(path: Path) -> None:
    """A follower that does not read is dropped when it is too far behind: memory is bounded."""

    async def use(transcript: Transcript) -> None:
        reader, writer = await asyncio.open_unix_connection(path, limit=1024)
        writer.write(b"transcript follow\n")
        await _until(lambda: bool(transcript.subscribers))
        await asyncio.sleep(0)
        record = transcript.begin()
        for number in range(60):
            record.observe(_reply(number, 1 << 20))
            await asyncio.sleep(0)
        assert not transcript.subscribers
        assert len(await reader.read()) < 60 << 20
        writer.close()

    _served(path, use)


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        (b"\n", "unknown request ''"),
        (b"dance\n", "unknown request 'dance': there are transcript, certificate, anchors"),
        (b"TRANSCRIPT\n", "unknown request 'TRANSCRIPT'"),
        (b"transcript", "cut short"),
        (b"trans", "cut short"),
        (b"transcript now\n", "unknown word 'now'"),
        (b"transcript follow=1\n", "unknown word"),
        (b"certificate\n", "unknown certificate ''"),
        (b"certificate root\n", "unknown certificate 'root': there are server, client, scenario"),
        (b"certificate server please\n", "takes nothing else"),
        (b"certificate client\n", "not JSON"),
        (b"certificate client {\n", "not JSON"),
        (b"certificate client 7\n", "the account is not a string"),
        (b'certificate client {"a": 1}\n', "the account is not a string"),
        (b'certificate client ["a"]\n', "the account is not a string"),
        (b"certificate client null\n", "the account is not a string"),
        (b'certificate client "a\\u0000"\n', "characters that no name has"),
        (b'certificate client "\\ud800"\n', "characters that no name has"),
        (b"certificate client " + b"9" * 6000 + b"\n", "not JSON"),
        (b"certificate client " + b"[" * 60_000 + b"\n", "not JSON"),
        (b"certificate scenario []\n", "the scenario is not a string"),
        (b"certificate scenario {}\n", "the scenario is not a string"),
        (b'certificate scenario ["known", 1]\n', "a host name is not a string"),
        (b'certificate scenario [["known"]]\n', "the scenario is not a string"),
        (b'certificate scenario "nobody knows"\n', "the lab has no scenario nobody knows"),
        (b'certificate scenario "' + b"x" * 5000 + b'"\n', "the scenario is longer than any name: 5000 characters"),
        (b'certificate client "' + b"x" * 5000 + b'"\n', "the account is longer than any name: 5000 characters"),
        (b"anchors\n", "not JSON"),
        (b"anchors NaN\n", "the scenario is not a string"),
        (b'anchors ["known"]\n', "the scenario is not a string"),
        (b"\xff\xfe\x00\n", "not UTF-8"),
        (b"\x16\x03\x01\x02\x00\x01\n", "unknown request '\\x16"),
        (b"GET / HTTP/1.1\r\n", "unknown request 'GET'"),
        (b"x" * 200_000 + b"\n", "too long: more than 65536 octets"),
        (b"x" * 2_000_000, "too long"),
    ],
)
def test_malformed_requests(path: Path, caplog: pytest.LogCaptureFixture, request_line: bytes, said: str) -> None:
    """A request that makes no sense is answered with the reason, and nothing of it is in the log."""

    async def use(transcript: Transcript) -> None:
        transcript.begin().observe(_reply(7))
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request_line)
        writer.write_eof()
        answer = json.loads(await reader.readline())
        assert answer.keys() == {"error", "unavailable"}
        assert said in answer["error"]
        assert len(answer["error"]) < 200
        writer.close()
        assert not transcript.subscribers
        assert unpacked((await _asked(path, b"certificate server\n")).decode()).leaf == b"server"

    _served(path, use)
    assert caplog.records == []


@pytest.mark.parametrize("request_line", [b"", b"tra", b"transcript follow\n", b"certificate server\n"])
def test_who_goes_without_reading(path: Path, caplog: pytest.LogCaptureFixture, request_line: bytes) -> None:
    """Somebody who goes away at any time leaves nothing behind."""

    async def use(transcript: Transcript) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(request_line)
        assert unpacked((await _asked(path, b"certificate server\n")).decode()).leaf == b"server"
        await _until(lambda: not transcript.subscribers)

    _served(path, use)
    assert caplog.records == []


def test_a_request_that_does_not_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects and says nothing is not waited for."""
    monkeypatch.setattr(control, "_PATIENCE", 0)

    async def use(_: Transcript) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        assert b"no request came within 0 seconds" in await reader.read()
        writer.close()

    _served(path, use)


def test_too_many_connections(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limited number is served at once; the next one is told, and there is room when one has gone."""
    monkeypatch.setattr(control, "_CONNECTIONS", 3)

    async def use(transcript: Transcript) -> None:
        crowd = [await asyncio.open_unix_connection(path) for _ in range(3)]
        for _, writer in crowd:
            writer.write(b"transcript follow\n")
        await _until(lambda: len(transcript.subscribers) == 3)
        for _ in range(50):
            assert b"too many connections: 3 at once" in await _asked(path, b"")
        crowd[0][1].close()
        await _until(lambda: len(transcript.subscribers) == 2)
        assert unpacked((await _asked(path, b"certificate server\n")).decode()).leaf == b"server"
        for _, writer in crowd[1:]:
            writer.close()

    _served(path, use)


def test_a_follower_that_talks(path: Path) -> None:
    """What a follower sends after its request is read and forgotten."""

    async def use(transcript: Transcript) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"transcript follow\n")
        await _until(lambda: bool(transcript.subscribers))
        block = bytes(1 << 20)
        tracemalloc.start()
        for _ in range(32):
            writer.write(block)
            await writer.drain()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 << 20
        transcript.begin().observe(_reply(5))
        assert _numbers([await reader.readline()]) == [5]
        writer.close()

    _served(path, use)


def test_a_follower_that_never_begins_to_read(path: Path) -> None:
    """What happens while a follower does not even read what was is bounded, too: it is dropped."""

    async def use(transcript: Transcript) -> None:
        record = transcript.begin()
        for number in range(8):
            record.observe(_reply(number, 1 << 20))
        reader, writer = await asyncio.open_unix_connection(path, limit=1024)
        writer.write(b"transcript follow\n")
        await _until(lambda: bool(transcript.subscribers))
        for number in range(40):
            record.observe(_reply(number, 1 << 20))
        await _until(lambda: not transcript.subscribers)
        assert len(await reader.read()) < 48 << 20
        writer.close()

    _served(path, use)


@pytest.mark.parametrize("request_line", [b"", b"tra", b"transcript\n", b"transcript follow\n"])
def test_it_ends_whoever_is_there(path: Path, caplog: pytest.LogCaptureFixture, request_line: bytes) -> None:
    """When the lab ends, nobody's connection is left, in whatever state it is, and nobody complains."""

    async def use(transcript: Transcript) -> None:
        for number in range(4):
            transcript.begin().observe(_reply(number, 1 << 20))  # more than a socket takes
        for connection in connections:
            connection.connect(str(path))
            connection.sendall(request_line)
        await _asked(path, b"certificate server\n")

    connections = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    _served(path, use)
    for connection in connections:
        connection.close()
    gc.collect()
    assert caplog.records == []


def test_another_user(plain_user: PlainUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user who gets to the socket, whatever its mode, is told nothing."""
    place = plain_user.folder / "socket"

    async def use(_: Transcript) -> None:
        place.chmod(0o666)
        with socket.socket(socket.AF_UNIX) as connection:
            with plain_user.acting():
                connection.connect(str(place))
            monkeypatch.setattr("os.geteuid", lambda: plain_user.number + 1)
            reader, writer = await asyncio.open_unix_connection(sock=connection.dup())
            assert b"this lab belongs to another user" in await reader.read()
            writer.close()

    _served(place, use)
