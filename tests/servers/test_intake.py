"""Mail on its way into a store: counted wherever it is, exact when it arrives, dropped at once where there is no room.

Every way in runs against both kinds of store; the meters are the lab's own budgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from labserver.budget import Budgets
from labserver.holding import Intake
from labserver.mailstore.message import PER_BODY
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.storage import PER_MESSAGE, MemoryStorage
from labserver.mailstore.store import MailStore
from labserver.servers.spool import Spool
from labserver.session.transcript import Transcript
from tests.session.playbook import Building

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labserver.mailstore.mailbox import Mailbox
    from tests.session.playbook import Talk

_KIB = 1 << 10
_ROOM = 1 << 20
_SEGMENT = 16_000
_RECIPIENT = 300
"""Octets that one recipient takes at most."""


@dataclass
class Post:
    """A lab's parts with small budgets: a share of 64 KiB, half a MiB for mail in boxes, a MiB on disk."""

    building: Building
    budgets: Budgets
    spool: Spool
    kind: str

    def inbox(self, account: str = "alice") -> Mailbox:
        """Return an account's INBOX."""
        return self.building.store.account(account).mailboxes["INBOX"]

    def contents(self, account: str = "alice") -> list[bytes]:
        """Return what is in it."""
        return [message.content for message in self.inbox(account).messages]

    def holds_nothing(self) -> bool:
        """Return whether nothing unfinished is left, in memory or on disk."""
        return (self.budgets.unfinished.held, self.budgets.spool.held, self.spool.length) == (0, 0, 0)


def _post(folder: Path, kind: str, *, spool: int = _ROOM, memory: int = _ROOM) -> Post:
    building = Building(cleartext=True)
    budgets = Budgets.of(memory=memory, spool=spool, connections=8)
    file = Spool(folder, budget=budgets.spool, share=budgets.share)
    building.intake = Intake(budget=budgets.unfinished, share=budgets.share, blocks=file)
    storage = (
        MemoryStorage(budgets.finished)
        if kind == "memory"
        else SqliteStorage(folder / "mail.sqlite", budget=budgets.finished, cache_size=64 * _KIB)
    )
    building.store = MailStore(storage=storage, limits=building.limits, clock=building.clock)
    building.store.account("alice")
    building.store.account("bob")
    return Post(building, budgets, file, kind)


@pytest.fixture(params=["memory", "sqlite"])
def open_post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Post]]:
    """Return what makes a lab's parts with a store of each kind."""
    opened: list[Post] = []

    def make(**room: int) -> Post:
        opened.append(_post(tmp_path, request.param, **room))
        return opened[-1]

    yield make
    for post in opened:
        post.building.store.close()
        post.spool.close()


@pytest.fixture
def post(open_post: Callable[..., Post]) -> Post:
    """Return a lab's parts with a store of each kind."""
    return open_post()


def _content(size: int) -> bytes:
    """Return a message of exactly so many octets, with dots where they are stuffed."""
    lines = b"".join(b".%07d%b\r\n" % (number, b"y" * (number % 70)) for number in range(size // 10 + 1))
    return lines[: max(0, size - 2)] + b"\r\n"[2 - min(2, size) :]


def _stuffed(content: bytes) -> bytes:
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]


def _data(*contents: bytes) -> Iterator[bytes]:
    for content in contents:
        yield b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n"
        yield _stuffed(content)
        yield b".\r\n"


def _bdat(*contents: bytes) -> Iterator[bytes]:
    for content in contents:
        half = len(content) // 2
        yield b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\n"
        yield b"BDAT %d\r\n%b" % (half, content[:half])
        yield b"BDAT 0\r\n"
        yield b"BDAT %d LAST\r\n%b" % (len(content) - half, content[half:])


def _append(*contents: bytes) -> Iterator[bytes]:
    for content in contents:
        yield b"a APPEND {5}\r\n"
        yield b"INBOX (\\Seen) {%d}\r\n" % len(content)
        yield content
        yield b"\r\n"


def _append_unasked(*contents: bytes) -> Iterator[bytes]:
    for content in contents:
        yield b'a APPEND INBOX "01-Feb-2024 12:00:00 +0100" {%d+}\r\n%b\r\n' % (len(content), content)


def _multiappend(*contents: bytes) -> Iterator[bytes]:
    yield b"a APPEND INBOX" + b"".join(b" () {%d+}\r\n%b" % (len(content), content) for content in contents) + b"\r\n"


_WAYS = {"DATA": _data, "BDAT": _bdat, "APPEND": _append, "APPEND+": _append_unasked, "MULTIAPPEND": _multiappend}
_REFUSALS = {"DATA": b"452 4.3.1 ", "BDAT": b"452 4.3.1 "}
_SUCCESSES = {"DATA": b"250 2.0.0 Delivered", "BDAT": b"250 2.0.0 Delivered"}


def _connect(post: Post, way: str) -> Talk:
    if way in ("DATA", "BDAT"):
        talk = post.building.opened("smtp")
        assert talk.say(b"EHLO me.test\r\n").startswith(b"250-")
        return talk
    talk = post.building.opened("imap")
    assert talk.say(b"l LOGIN alice s3cret\r\n").startswith(b"l OK")
    return talk


def _segments(steps: Iterator[bytes]) -> Iterator[bytes]:
    """Yield steps as the network does; what waits for an answer begins a segment of its own."""
    for step in steps:
        for start in range(0, len(step), _SEGMENT):
            yield step[start : start + _SEGMENT]


@pytest.mark.parametrize("size", [2, 4_096, 60_000, 70_000, 300_000])
@pytest.mark.parametrize("way", _WAYS)
def test_mail_arrives_octet_for_octet(post: Post, way: str, size: int) -> None:
    """However it comes and wherever it was meanwhile; then only finished mail is counted."""
    content = _content(size)
    talk = _connect(post, way)
    said = b"".join(talk.say(segment) for segment in _segments(_WAYS[way](content)))
    assert _SUCCESSES.get(way, b"a OK [APPENDUID") in said
    assert post.contents() == [content]
    assert post.holds_nothing()
    assert post.budgets.finished.held >= PER_MESSAGE
    if post.kind == "memory":
        assert post.budgets.finished.held == size + PER_BODY + PER_MESSAGE
    assert talk.say(b"n NOOP\r\n")
    post.inbox().expunge(post.inbox().messages)
    assert post.budgets.finished.held == 0


@pytest.mark.parametrize("way", _WAYS)
def test_a_connection_holds_no_more_than_its_share(post: Post, way: str) -> None:
    """At no time is more than the share in memory, and what is beyond is on disk."""
    most, content = 0, _content(300_000)
    talk = _connect(post, way)
    for segment in _segments(_WAYS[way](content)):
        talk.say(segment)
        most = max(most, post.budgets.unfinished.held)
        assert post.budgets.unfinished.held + post.budgets.spool.held <= 300_000 + 2 * 40 + _RECIPIENT
    assert 8 * _KIB < most <= post.budgets.share + _RECIPIENT


@pytest.mark.parametrize("size", [100, 150_000])
@pytest.mark.parametrize("way", _WAYS)
def test_a_lost_connection_leaves_nothing(post: Post, way: str, size: int) -> None:
    """Wherever the client leaves, before, in and behind its mail, nothing unfinished is held, and nothing arrives."""
    segments = list(_segments(_WAYS[way](_content(size))))
    for last in range(len(segments)):
        talk = _connect(post, way)
        for segment in segments[:last]:
            talk.say(segment)
        talk.say(segments[last][: len(segments[last]) // 2])
        talk.membrane.disconnected()
        del talk
        assert post.holds_nothing(), last
    assert post.contents() == []


@pytest.mark.parametrize("way", _WAYS)
def test_without_room_mail_is_dropped_at_once(open_post: Callable[..., Post], way: str) -> None:
    """The octets are gone before the mail has ended; then it is refused, what was there stays, and the session goes on.

    A literal that the client waits with is refused before it comes.
    """
    post = open_post(spool=64 * _KIB)
    talk = _connect(post, way)
    small, large = _content(5_000), _content(200_000)
    b"".join(talk.say(segment) for segment in _segments(_WAYS[way](small)))
    said, held = b"", 0
    for segment in _segments(_WAYS[way](large)):
        if b" NO [LIMIT] " in said:
            break
        said += talk.say(segment)
        held = post.budgets.unfinished.held + post.budgets.spool.held
    assert _REFUSALS.get(way, b"a NO [LIMIT] ") in said
    assert held == 0
    assert post.holds_nothing()
    assert b"".join(talk.say(segment) for segment in _segments(_WAYS[way](small)))
    assert post.contents() == [small, small]


def test_the_octets_are_gone_before_the_dot(open_post: Callable[..., Post]) -> None:
    """As soon as there is no room nothing is held any more, while the client goes on sending."""
    post = open_post(spool=0)
    talk = _connect(post, "DATA")
    talk.say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n")
    seen, recipient = [], post.budgets.unfinished.held
    for segment in _segments(iter([_stuffed(_content(200_000))])):
        assert talk.say(segment) == b""
        seen.append(post.budgets.unfinished.held - recipient)
    full = next(place for place, held in enumerate(seen) if place and not held)
    assert seen[full:] == [0] * (len(seen) - full)
    assert max(seen) <= post.budgets.share
    assert talk.say(b".\r\n").startswith(b"452 4.3.1 ")


@pytest.mark.parametrize("way", _WAYS)
def test_a_spool_that_cannot_be_written(post: Post, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """A full or broken disk is no room, and nothing else; small mail does not need it."""
    monkeypatch.setattr(post.spool, "put", _broken)
    talk = _connect(post, way)
    said = b"".join(talk.say(segment) for segment in _segments(_WAYS[way](_content(200_000))))
    assert _REFUSALS.get(way, b"a NO [LIMIT] ") in said
    assert post.holds_nothing()
    for segment in _segments(_WAYS[way](_content(4_096))):
        talk.say(segment)
    assert post.contents() == [_content(4_096)]


def _broken(_: memoryview) -> int:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("way", _WAYS)
def test_where_mailboxes_are_full(open_post: Callable[..., Post], way: str) -> None:
    """In memory, finished mail has its own part: then mail is refused, and accepted again when some is expunged."""
    post = open_post()
    if post.kind != "memory":
        pytest.skip("a store file holds what the disk does")
    talk = _connect(post, way)
    for _ in range(2):
        for segment in _segments(_WAYS[way](_content(200_000))):
            talk.say(segment)
    assert len(post.contents()) == 2
    said = b"".join(talk.say(segment) for segment in _segments(_WAYS[way](_content(200_000))))
    assert _REFUSALS.get(way, b"a NO [OVERQUOTA] ") in said
    assert post.holds_nothing()
    assert post.budgets.finished.held == 2 * (200_000 + PER_BODY + PER_MESSAGE)
    post.inbox().expunge(post.inbox().messages[:1])
    said = b"".join(talk.say(segment) for segment in _segments(_WAYS[way](_content(200_000))))
    assert _SUCCESSES.get(way, b"a OK [APPENDUID") in said


def test_full_mailboxes_leave_room_for_what_comes(open_post: Callable[..., Post]) -> None:
    """However much finished mail there is, every connection has its share, and hears what is wrong at the end."""
    post = open_post()
    post.budgets.finished.take(post.budgets.finished.limit)
    talks = [_connect(post, "DATA") for _ in range(8)]
    for talk in talks:
        talk.say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n")
        talk.say(_stuffed(_content(60_000)))
    assert post.budgets.spool.held == 0
    assert {talk.say(b".\r\n")[:10] for talk in talks} == {b"452 4.3.1 "}


def test_the_parts_of_one_append_are_all_or_none(open_post: Callable[..., Post]) -> None:
    """Several messages are bounded by what there is room for, not by the size of one; without room none stays."""
    post = open_post()
    post.building.limit(message_size=100_000)
    talk = _connect(post, "MULTIAPPEND")
    contents = [_content(90_000 + number) for number in range(5)]
    said = b"".join(talk.say(segment) for segment in _segments(_multiappend(*contents)))
    assert b"a OK [APPENDUID" in said
    assert post.contents() == contents
    said = b"".join(talk.say(segment) for segment in _segments(_multiappend(*contents, _content(100_001))))
    assert b"a NO [TOOBIG] " in said
    said = b"".join(talk.say(segment) for segment in _segments(_multiappend(*(contents * 4))))
    assert b"a NO [LIMIT] " in said
    assert post.contents() == contents
    assert post.holds_nothing()


@pytest.mark.parametrize(
    ("way", "told"), [("DATA", b"552 5.3.4 "), ("BDAT", b"552 5.3.4 "), ("APPEND", b"TOOBIG"), ("APPEND+", b"TOOBIG")]
)
@pytest.mark.parametrize("spool", [0, _ROOM])
def test_too_large_is_told_so(open_post: Callable[..., Post], way: str, told: bytes, spool: int) -> None:
    """What is larger than a message may be is that in the end, also where there was no room for it."""
    post = open_post(spool=spool)
    post.building.limit(message_size=100_000)
    talk, said = _connect(post, way), b""
    for segment in _segments(_WAYS[way](_content(150_000))):
        said = talk.say(segment) or said
        if b"TOOBIG" in said:
            break
    assert told in said
    assert post.holds_nothing()
    assert post.contents() == []


def test_lmtp_tells_every_recipient(open_post: Callable[..., Post]) -> None:
    """Lost mail is lost for each of them."""
    post = open_post(spool=0)
    talk = post.building.opened("lmtp")
    talk.say(b"LHLO me.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\n")
    talk.say(_stuffed(_content(200_000)))
    said = talk.say(b".\r\n").split(b"\r\n")
    assert [line[:10] for line in said] == [b"452 4.3.1 ", b"452 4.3.1 ", b""]
    assert said[1].endswith(b"<bob@lab.test>")


def test_every_chunk_of_lost_mail_is_refused(open_post: Callable[..., Post]) -> None:
    """From the one for which there is no room to the last one; RSET ends it, too."""
    post = open_post(spool=0)
    talk = _connect(post, "BDAT")
    begin = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\n"
    chunk = b"BDAT 40000\r\n" + _content(40_000)
    talk.say(begin)
    codes = [talk.say(chunk)[:9] for _ in range(4)]
    assert codes == [b"250 2.0.0", b"452 4.3.1", b"452 4.3.1", b"452 4.3.1"]
    assert talk.say(b"BDAT 0 LAST\r\n").startswith(b"452 4.3.1 ")
    talk.say(begin)
    talk.say(chunk + chunk)
    assert talk.say(b"RSET\r\n").startswith(b"250 ")
    assert talk.say(b"BDAT 3 LAST\r\nabc").startswith(b"503 ")
    talk.say(begin)
    assert talk.say(b"BDAT 3 LAST\r\nabc").startswith(b"250 ")
    assert post.contents() == [b"abc"]


def test_expunged_mail_counts_while_somebody_has_it(open_post: Callable[..., Post]) -> None:
    """Copies share their octets; they count once, and until the last of them and the last reader is gone."""
    post = open_post()
    if post.kind != "memory":
        pytest.skip("a store file has them")
    talk = _connect(post, "DATA")
    for segment in _segments(_data(_content(50_000))):
        talk.say(segment)
    inbox, archive = post.inbox(), post.building.store.account("alice").mailboxes["Archive"]
    inbox.copy(inbox.messages, archive)
    assert post.budgets.finished.held == 50_000 + PER_BODY + 2 * PER_MESSAGE
    reading = archive.messages[0].reading()
    inbox.expunge(inbox.messages)
    archive.expunge(archive.messages)
    assert post.budgets.finished.held == 50_000 + PER_BODY
    del reading
    assert post.budgets.finished.held == 0


@pytest.mark.parametrize("chunk", [b"BDAT 0\r\n", b"BDAT 1\r\nx"])
def test_many_chunks_leave_nothing_in_a_session(post: Post, chunk: bytes) -> None:
    """What a session and its transcript hold does not grow with the number of chunks, only with their octets."""
    transcript = Transcript(clock=post.building.clock, octets=1_000, raw_octets=100, sessions=1)
    record = transcript.begin()
    talk = _connect(post, "BDAT")
    talk.say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\n")
    before = post.budgets.unfinished.held
    for _ in range(30):
        talk.seen.clear()
        talk.say(chunk * 1_000)
        for event in talk.seen:
            record.observe(event)
    assert len(record.events) < 200
    assert post.budgets.unfinished.held - before == 30_000 * (chunk[5:6] == b"1")
    assert post.budgets.spool.held == 0


def test_recipients_are_counted(open_post: Callable[..., Post]) -> None:
    """Long addresses take room while they come and, in memory, as long as the mail has them; or they are refused."""
    post = open_post()
    long = b"x" * 10_000
    talks = [_connect(post, "DATA") for _ in range(2)]
    for talk in talks:
        talk.say(b"MAIL FROM:<a@b.test>\r\n")
    codes = [talk.say(b"RCPT TO:<%b@lab.test>\r\n" % long)[:9] for talk in talks for _ in range(40)]
    assert codes[:40] == [b"250 2.1.5"] * 40
    assert codes[-1] == b"452 4.3.1"
    assert 400_000 < post.budgets.unfinished.held <= post.budgets.unfinished.limit
    talks.append(_connect(post, "DATA"))
    assert talks[2].say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\n").count(b"250 ") == 2
    assert talks[0].say(b"DATA\r\nhi\r\n.\r\n").splitlines()[1][:3] in (b"250", b"452")
    talks[1].say(b"RSET\r\n")
    talks[2].membrane.disconnected()
    assert post.holds_nothing()
    if post.kind == "memory":
        assert post.budgets.finished.held > 400_000
