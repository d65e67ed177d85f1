"""The control socket: everything that is kept, then everything that happens, nothing twice and nothing missed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.clock import FixedClock
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.chain import Chain
from labserver.pki.material import Material
from labserver.pki.portable import unpacked
from labserver.servers.control import ControlSocket
from labserver.servers.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from labserver.servers.transcript import SessionRecord


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

    async def main() -> None:
        transcript = Transcript(clock=FixedClock(), octets=1 << 30, raw_octets=1, sessions=1000)
        control = ControlSocket(path, transcript, _MATERIAL, _scenario, _anchors)
        await control.start()
        await use(transcript)
        await control.stop()

    asyncio.run(main())
    assert not path.exists()


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
    """What the issuer refuses is told; a request that makes no sense ends the connection."""
    answers: list[bytes] = []

    async def use(_: Transcript) -> None:
        answers.extend([await _asked(path, line) for line in (b'certificate client ""\n', b"certificate client x\n")])

    _served(path, use)
    assert answers == [b'{"error": "nobody", "unavailable": false}\n', b""]


@pytest.mark.parametrize(
    ("wanted", "leaf", "said"),
    [
        (b'["known", "a.test", "b.test"]', b"a.test b.test", None),
        (b'["known"]', b"", None),
        (b'["unavailable"]', None, {"error": "not here", "unavailable": True}),
        (b'["unknown"]', None, {"error": "the lab has no scenario unknown", "unavailable": False}),
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
        (b'"unknown"', {"error": "the lab has no scenario unknown", "unavailable": False}),
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


@pytest.mark.parametrize("request_line", [b"\n", b"dance\n", b"x" * 200_000 + b"\n", b""])
def test_other_requests(path: Path, request_line: bytes) -> None:
    """Whatever is asked, the lab goes on."""

    async def use(transcript: Transcript) -> None:
        transcript.begin().observe(_reply(7))
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request_line)
        writer.write_eof()
        await reader.read()
        writer.close()
        assert not transcript.subscribers

    _served(path, use)
