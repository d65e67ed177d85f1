"""FETCH of large messages: brought while the client takes it, and at the price of what is sent."""

from __future__ import annotations

import base64
import inspect
import quopri
from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Reply
from labserver.errors import StoreError
from labserver.mailstore.message import Body
from labserver.message.as_base64 import base64_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.imap.driver import Client, Lab

_KIB = 1 << 10
_MOST_AT_ONCE = 1 << 17
_NOISE = bytes(range(256)) * 4 * _KIB
_BASE64 = base64.encodebytes(_NOISE).replace(b"\n", b"\r\n")
_QUOTED = quopri.encodestring(b"caf\xe9 and more \x01\x02\r\n" * 20 * _KIB)
_PLAIN = b"A line of plain text.\r\n" * 10 * _KIB
_HEADER = (
    b"From: alice@lab.test\r\nSubject: large\r\nX-Note: one\r\n\tand more\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
)


def _part(encoding: bytes, body: bytes) -> bytes:
    return b"--b\r\nContent-Type: text/x-any\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n" % (encoding, body)


_INNER = b"Subject: inner\r\nX-Note: two\r\n\r\n" + _PLAIN
_LARGE = b"".join(
    [
        _HEADER,
        _part(b"7bit", _PLAIN),
        _part(b"base64", _BASE64),
        _part(b"quoted-printable", _QUOTED),
        _part(b"x-unknown", b"?"),
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + _INNER + b"\r\n",
        _part(b"binary", b"\0" * 70_000),
        b"--b--\r\n",
    ]
)


class _Meter:
    """Counts the octets of messages that are read piece by piece, and forbids reading them as a whole."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = 0
        honest = Body.octets

        def octets(body: Body, start: int, end: int) -> bytes:
            self.read += end - start
            assert end - start <= _MOST_AT_ONCE
            return honest(body, start, end)

        monkeypatch.setattr(Body, "octets", octets)

    def took(self) -> int:
        """Return what was read since the last time."""
        read, self.read = self.read, 0
        return read


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> _Meter:
    """Return a meter of what is read of messages."""
    return _Meter(monkeypatch)


def _fetched(client: Client, items: bytes) -> bytes:
    (line,) = (reply for reply in _answer(client, b"FETCH 1 (%b)" % items) if reply.code != "OK")
    return b"".join((line.raw, *line.rest))


def _answer(client: Client, command: bytes) -> list[Reply]:
    exchange = client.session.handle(client.command(b"a %b\r\n" % command))
    return [reply for reply in exchange if isinstance(reply, Reply)]


_ITEMS = [
    b"BODY[]",
    b"RFC822",
    b"RFC822.HEADER",
    b"RFC822.TEXT",
    b"BODY[TEXT]",
    b"BODY[HEADER]",
    b"BODY[1]",
    b"BODY[2]<5.70000>",
    b"BODY[2]<1440000.99999999>",
    b"BODY[]<0.99999999>",
    b"BODY[]<99999999.5>",
    b"BODY[6]",
    b"BODY[6]<0.77>",
    b"BODY[6]<60000.9999>",
    b"BODY[6]<77.70000>",
    b"BODY[6]<99999999.9>",
    b"BODY[6.MIME]",
    b"BODY[6.MIME]<30.40>",
    b"BODY[7]",
    b"BODY[9]",
    b"BODY[5.HEADER]",
    b"BODY[5.TEXT]<3.9>",
    b"BODY[5.1.MIME]",
    b"BODY[HEADER.FIELDS (Subject X-Note)]",
    b"BODY[HEADER.FIELDS (Subject X-Note)]<5.20>",
    b"BODY[HEADER.FIELDS.NOT (From)]<70.99>",
    b"BODY[5.HEADER.FIELDS.NOT (Subject)]",
    b"BINARY[]<10.10>",
    b"BINARY[1]",
    b"BINARY[2]",
    b"BINARY[2]<1.100000>",
    b"BINARY[2]<900000.70000>",
    b"BINARY[2]<99999999.1>",
    b"BINARY[3]",
    b"BINARY[3]<70000.100>",
    b"BINARY[6]",
    b"BINARY[6]<69999.9>",
    b"BINARY[5]<9.9>",
    b"BINARY[9]",
    b"BINARY.SIZE[1]",
    b"BINARY.SIZE[2]",
    b"BINARY.SIZE[3]",
    b"BINARY.SIZE[9]",
    b"BODYSTRUCTURE",
    b"ENVELOPE",
    b"FLAGS UID RFC822.SIZE BODY[1]<0.5> ENVELOPE",
]


@pytest.mark.parametrize("items", _ITEMS, ids=bytes.decode)
def test_the_same_octets(lab: Lab, monkeypatch: pytest.MonkeyPatch, items: bytes) -> None:
    """Whether it is made as a whole or brought piece by piece, an answer is the same, octet for octet."""
    lab.deliver(_LARGE)
    client = lab.client()
    client.ok("EXAMINE INBOX")
    brought = _fetched(client, b"FLAGS BODY.PEEK[7] " + items)
    monkeypatch.setattr("labserver.imap.commands.messages._LONG", 1 << 40)
    assert brought == _fetched(client, b"FLAGS BODY.PEEK[7] " + items)


def test_seen_is_told_of_large_messages(lab: Lab) -> None:
    r"""A large message that becomes \Seen says so behind its octets, like any other."""
    lab.deliver(_LARGE)
    assert _fetched(lab.selected(), b"BODY[1]").endswith(b" FLAGS (\\Seen \\Recent))\r\n")


def test_an_unknown_encoding_is_refused_before_anything_is_said(lab: Lab) -> None:
    """What cannot be decoded is refused while that is still possible, though other items are large."""
    lab.deliver(_LARGE)
    (answer,) = _answer(lab.selected(), b"FETCH 1 (BODY[] BINARY[4])")
    assert answer.raw.startswith(b"a NO [UNKNOWN-CTE] ")


def test_no_copies_of_a_message(lab: Lab, meter: _Meter) -> None:
    """A hundred times a large message is sent without one copy of it: pieces are made as they are taken."""
    lab.deliver(_LARGE)
    items = b" ".join(b"BODY.PEEK[]<%d.99999999>" % offset for offset in range(100))
    line, done = _answer(lab.selected(), b"FETCH 1 (%b)" % items)
    assert (meter.took(), len(line.raw), done.code) == (0, len(b"* 1 FETCH ("), "OK")
    sizes = [len(piece) for piece in line.rest]
    assert sum(sizes) > 99 * len(_LARGE)
    assert max(sizes) <= _MOST_AT_ONCE
    assert sum(map(len, line.rest)) == sum(sizes), "a reply can be sent again"


def test_many_large_messages_are_brought_one_by_one(lab: Lab, meter: _Meter) -> None:
    """Of a thousand large messages, only what was taken has been read."""
    lab.deliver(*[b"Subject: x\r\n\r\n" + b"x" * 70_000] * 1000)
    exchange = lab.selected()
    replies = exchange.session.handle(exchange.command(b"a FETCH 1:* BODY.PEEK[]\r\n"))
    for _ in range(3):
        reply = next(replies)
        assert isinstance(reply, Reply)
        assert sum(map(len, reply.rest)) > 70_000
    assert meter.took() <= 3 * 71_000


@pytest.mark.parametrize(
    ("section", "size"),
    [
        (b"BODY.PEEK[2]", len(_BASE64)),
        (b"BODY.PEEK[6]", base64_size(70_000)),
        (b"BODY.PEEK[]", len(_LARGE)),
        (b"BODY.PEEK[TEXT]", len(_LARGE)),
    ],
)
def test_a_partial_costs_what_it_returns(lab: Lab, meter: _Meter, section: bytes, size: int) -> None:
    """Some octets of a section are all that is read, wherever they are."""
    lab.deliver(_LARGE)
    client = lab.selected()
    _fetched(client, b"UID " + section + b"<0.1>")
    meter.took()
    for offset in (0, size // 2, size - 20_000, size * 2):
        _fetched(client, b"%b<%d.16384>" % (section, offset))
        assert meter.took() <= 16_384


def test_a_binary_part(lab: Lab, meter: _Meter) -> None:
    """A large binary part is brought as base64, each octet of it read once."""
    lab.deliver(_HEADER + _part(b"binary", _NOISE) + b"--b--\r\n")
    line = _fetched(lab.selected(), b"BODY.PEEK[1]")
    assert line == b"* 1 FETCH (BODY[1] {%d}\r\n%b)\r\n" % (len(_BASE64.rstrip()), _BASE64.rstrip())
    assert meter.took() == len(_NOISE)


@pytest.mark.parametrize(("path", "encoded"), [(b"2", _BASE64), (b"3", _QUOTED)])
def test_a_part_in_pieces_is_decoded_once(lab: Lab, meter: _Meter, path: bytes, encoded: bytes) -> None:
    """A client that fetches an attachment in pieces of 16 KiB has it decoded about once; one more costs a step."""
    lab.deliver(_LARGE)
    client = lab.selected()
    offset, got = 0, b""
    while True:
        line = _fetched(client, b"BINARY.PEEK[%b]<%d.16384>" % (path, offset))
        octets = line.partition(b"}\r\n")[2].removesuffix(b")\r\n")
        got += octets
        offset += 16_384
        if len(octets) < 16_384:
            break
    assert got == (_NOISE if path == b"2" else quopri.decodestring(encoded))
    assert meter.took() <= len(encoded) * 3 // 2
    for offset in (len(got) - 5, len(got) // 2, 0):
        _fetched(client, b"BINARY.PEEK[%b]<%d.5>" % (path, offset))
        assert meter.took() <= 100 * _KIB


def test_sizes_are_counted_once(lab: Lab, meter: _Meter) -> None:
    """BINARY.SIZE decodes a part once, holding none of it, and BINARY announces what was counted."""
    lab.deliver(_LARGE)
    client = lab.selected()
    assert b"BINARY.SIZE[2] %d)" % len(_NOISE) in _fetched(client, b"BINARY.SIZE[2]")
    assert meter.took() == len(_BASE64)
    _fetched(client, b"BINARY.SIZE[2]")
    assert meter.took() == 0
    assert _fetched(client, b"BINARY.PEEK[2]").endswith(_NOISE + b")\r\n")
    _fetched(client, b"BINARY.PEEK[2]")
    assert meter.took() <= 3 * len(_BASE64)


def test_measuring_gives_way(lab: Lab) -> None:
    """While it is found out how long a part is, others have their turns: an empty piece is one."""
    lab.deliver(_HEADER + _part(b"base64", _BASE64 * 4))
    line, _ = _answer(lab.selected(), b"FETCH 1 BINARY.PEEK[1]")
    pieces = iter(line.rest)
    turns = 0
    while not next(pieces):
        turns += 1
    assert turns >= 4


def test_a_long_header(lab: Lab, meter: _Meter) -> None:
    """Fields of a header of many mebibytes are picked window by window, and no more is held."""
    lab.deliver(b"Subject: x\r\n" + b"X-A: 1\r\nX-B: 2\r\n" * 100_000 + b"\r\nbody\r\n")
    client = lab.selected()
    line, _ = _answer(client, b"FETCH 1 (BODY.PEEK[HEADER.FIELDS (X-A)] BODY.PEEK[HEADER.FIELDS.NOT (X-A)])")
    assert meter.took() == 0
    sizes = [len(piece) for piece in line.rest]
    assert max(sizes) <= _MOST_AT_ONCE
    assert b"".join(line.rest).count(b"X-A: 1\r\n") == b"".join(line.rest).count(b"X-B: 2\r\n") == 100_000


def test_what_is_expunged_while_it_is_sent(lab: Lab) -> None:
    """A message that is being sent is sent to its end, though another session expunges it."""
    lab.deliver(_LARGE)
    client, other = lab.selected(), lab.selected()
    line, _ = _answer(client, b"FETCH 1 (BODY.PEEK[] BINARY.PEEK[2])")
    pieces = iter(line.rest)
    first = [next(pieces), next(pieces)]
    other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    sent = b"".join((*first, *pieces))
    assert _LARGE.replace(b"\0", b"\x80") in sent
    assert sent.endswith(_NOISE + b")\r\n")


def test_what_cannot_be_read_any_more(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store fails in the middle of a literal, that is told as what it is, for the connection to end."""

    def octets(_: Body, __: int, ___: int) -> bytes:
        raise StoreError("The mail store could not be read.")

    lab.deliver(_LARGE)
    line, _ = _answer(lab.selected(), b"FETCH 1 BODY.PEEK[]")
    monkeypatch.setattr(Body, "octets", octets)
    pieces: Iterator[bytes] = iter(line.rest)
    assert next(pieces).startswith(b"BODY[] {")
    with pytest.raises(StoreError):
        next(pieces)


@pytest.mark.parametrize("verb", [b"SEARCH", b"UID SEARCH", b"SORT (ARRIVAL) UTF-8"])
def test_many_numbers(lab: Lab, verb: bytes) -> None:
    """Of what was found in a large mailbox, numbers are all that is held, and they are spelled as they are taken."""
    lab.deliver(*[b"x"] * 20_000)
    response, _ = _answer(lab.selected(), verb + b" ALL")
    assert len(response.raw) < 20
    numbers = b" ".join(b"%d" % number for number in range(1, 20_001))
    assert b"".join(response.rest) == b" " + numbers + b"\r\n"
    assert max(map(len, response.rest)) <= _MOST_AT_ONCE


@pytest.mark.parametrize(
    "verb", [b"SEARCH", b"SEARCH RETURN (ALL)", b"SORT (ARRIVAL) UTF-8", b"THREAD REFERENCES UTF-8"]
)
def test_what_was_found_is_let_go(lab: Lab, verb: bytes) -> None:
    """While the client takes the answer, no message that it is about is held for it."""
    lab.deliver(*[b"Subject: x\r\n\r\n"] * 10)
    client = lab.selected()
    exchange = client.session.handle(client.command(b"a %b ALL\r\n" % verb))
    assert isinstance(next(exchange), Reply)
    waiting: object = exchange
    while inspect.isgenerator(waiting):
        values = inspect.getgeneratorlocals(waiting).values()
        assert not [value for value in values if isinstance(value, list) and value]
        waiting = waiting.gi_yieldfrom


def test_a_long_structure_is_kept_for_a_while(lab: Lab) -> None:
    """What is found in messages of many parts does not stay with all of them: it would be more than their octets."""
    many = _HEADER + b"--b\r\n\r\n\r\n" * 2_000 + b"--b--\r\n"
    lab.deliver(*[many] * 40)
    client = lab.selected()
    first = _fetched(client, b"BODYSTRUCTURE")
    assert len(first) > 64 * _KIB
    client.ok("FETCH 1:* BODYSTRUCTURE")
    client.replies.clear()
    inbox = lab.alice.mailbox("INBOX")
    assert inbox is not None
    assert not any((message.cache or {}).get("imap.structure") for message in inbox.messages)
    assert _fetched(client, b"BODYSTRUCTURE") == first
