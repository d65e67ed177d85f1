"""DATA: what is taken, what is refused, and that the session stays in step whatever the data looked like."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import ReplyKind
from labserver.errors import LimitExceededError, StorageFullError, StoreError
from labserver.limits import Limits
from labserver.wire.framing import Framer

if TYPE_CHECKING:
    from typing import SupportsIndex

    from _typeshed import ReadableBuffer

    from tests.smtp.conftest import Client, Connect, Mailroom

READY = ["EHLO client.test", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"]


def begin(client: Client) -> None:
    """Come to the point where the message is awaited."""
    assert client.codes(*READY)[-1] == "354 End"


CONTENTS = [
    (b"", b""),
    (b"\r\n", b"\r\n"),
    (b"hi\r\n", b"hi\r\n"),
    (b"..\r\n", b".\r\n"),
    (b"a\r\n..\r\n...\r\n..b\r\n", b"a\r\n.\r\n..\r\n.b\r\n"),
    (b".b\r\n", b"b\r\n"),
    (b"a\nb\rc\r\r\nd\n\r\n", b"a\r\nb\rc\r\r\nd\r\n\r\n"),
    (b"a\n..\nb\r\n", b"a\r\n..\r\nb\r\n"),
    (b"\n\n\r\n", b"\r\n\r\n\r\n"),
    (b"\0\xff\xfe\x80\r\n", b"\0\xff\xfe\x80\r\n"),
    (b"QUIT\r\nRSET\r\n", b"QUIT\r\nRSET\r\n"),
    (b"x" * 100_000 + b"\r\n", b"x" * 100_000 + b"\r\n"),
]


@pytest.mark.parametrize("by_octet", [False, True])
@pytest.mark.parametrize(("stuffed", "content"), CONTENTS)
def test_content_is_delivered_exactly(
    client: Client, mailroom: Mailroom, stuffed: bytes, content: bytes, *, by_octet: bool
) -> None:
    """Dot-stuffing is undone (RFC 5321 4.5.2) and bare LF becomes CRLF, at once as octet by octet; that is all."""
    begin(client)
    wire = stuffed[:5_000] + stuffed[-5_000:] if by_octet and len(stuffed) > 10_000 else stuffed
    pieces = [bytes([octet]) for octet in wire + b".\r\n"] if by_octet else [wire + b".\r\n"]
    replies = list(itertools.chain.from_iterable(map(client.say, pieces)))
    assert [reply.raw for reply in replies] == [b"250 2.0.0 Delivered\r\n"]
    ((_, delivered),) = mailroom.delivered
    assert delivered == (content if wire == stuffed else wire)


def test_354_is_a_continuation(client: Client) -> None:
    """The reply that lets the data come does not complete the command, and has no enhanced status code."""
    client.ask(*READY[:-1])
    (reply,) = client.say(b"DATA\r\n")
    assert (reply.kind, reply.code) == (ReplyKind.CONTINUATION, "354")
    assert reply.raw == b"354 End data with <CR><LF>.<CR><LF>\r\n"


LINE_ENDS = [b"\r\n", b"\n", b"\r"]
LOOKALIKES = [
    before + dot + after
    for dot in (b".", b"\0.", b".\0")
    for before, after in itertools.product(LINE_ENDS, repeat=2)
    if (before, dot, after) != (b"\r\n", b".", b"\r\n")
]


@pytest.mark.parametrize("lookalike", LOOKALIKES)
@pytest.mark.parametrize("service", ["smtp", "lmtp"])
def test_smuggled_end_of_data_ends_nothing(
    connect: Connect, mailroom: Mailroom, service: str, lookalike: bytes
) -> None:
    """CVE-2023-51764 and its kin: the message is refused with its reason, what follows is never a command."""
    client = connect(service)
    client.ask("EHLO x", "LHLO x", *READY[1:])
    smuggled = b"MAIL FROM:<evil@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nsmuggled\r\n"
    replies = client.say(b"Subject: one\r\n\r\nhi" + lookalike + smuggled + b".\r\nNOOP\r\n")
    assert [reply.code for reply in replies] == ["550", "250"]
    assert replies[0].raw.startswith(b"550 5.6.0 Refused: a line with only a dot has a bare CR or LF")
    assert mailroom.delivered == []
    assert client.codes("MAIL FROM:<a@b>") == ["250 2.1.0"]


@pytest.mark.parametrize(
    ("size", "code"), [(99, "250 2.0.0"), (100, "250 2.0.0"), (101, "552 5.3.4"), (9_999, "552 5.3.4")]
)
def test_size_limit_is_exact(connect: Connect, mailroom: Mailroom, size: int, code: str) -> None:
    """A message of the limit's size is taken; one octet more is swallowed and refused, and the session goes on."""
    client = connect(limits=Limits(message_size=100))
    begin(client)
    assert client.codes("x" * (size - 2), ".", "NOOP") == [code, "250 2.0.0"]
    assert len(mailroom.delivered) == (code == "250 2.0.0")
    assert client.codes("MAIL FROM:<a@b>") == ["250 2.1.0"]


FAILURES = [
    (StoreError("The disk is full.", code="UNAVAILABLE"), "451 4.3.0 The disk is full."),
    (StoreError("Something else.", code="INUSE"), "451 4.3.0 Something else."),
    (StoreError("There is no user.", code="NONEXISTENT"), "550 5.1.1 There is no user."),
    (LimitExceededError("Too many messages.", code="LIMIT"), "452 4.2.2 Too many messages."),
    (LimitExceededError("Too much mail.", code="OVERQUOTA"), "452 4.2.2 Too much mail."),
    (StorageFullError(), "452 4.3.1 The disk is full"),
    (LimitExceededError("Too big.", code="TOOBIG"), "552 5.3.4 Too big."),
    (StoreError("two\r\n250 2.0.0 lines"), "451 4.3.0 two??250 2.0.0 lines"),
    (StoreError("\u00e4" * 1_000), "451 4.3.0 " + "\u00e4" * 250),
]


@pytest.mark.parametrize(("error", "reply"), FAILURES)
@pytest.mark.parametrize("ending", [["DATA", "hi", "."], ["BDAT 0 LAST"]])
def test_what_is_not_stored_is_not_acknowledged(
    client: Client, mailroom: Mailroom, error: StoreError, reply: str, ending: list[str]
) -> None:
    """Each of the store's reasons has its reply, of one line and at most 512 octets; the transaction is over."""
    mailroom.failures["e@f"] = error
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
    assert client.ask(*ending)[-1] == reply
    assert mailroom.delivered == []
    assert client.codes("DATA", "MAIL FROM:<a@b>") == ["503 5.5.1", "250 2.1.0"]


def test_stuffed_dots_do_not_count(connect: Connect, mailroom: Mailroom) -> None:
    """The limit is the message's, not that of its dot-stuffed form, however it is cut into segments."""
    client = connect(limits=Limits(message_size=300))
    begin(client)
    stuffed = b"..\r\n" * 100
    replies = [reply.code for octet in stuffed + b".\r\n" for reply in client.say(bytes([octet]))]
    assert replies == ["250"]
    assert [content for _, content in mailroom.delivered] == [b".\r\n" * 100]
    begin(client)
    replies = [reply.code for octet in b"..\r\n" + stuffed + b".\r\n" for reply in client.say(bytes([octet]))]
    assert replies == ["552"]


class CountingBuffer(bytearray):
    """Counts the octets that searches have to look at."""

    scanned = 0

    def find(
        self, sub: ReadableBuffer | SupportsIndex, start: SupportsIndex | None = 0, end: SupportsIndex | None = None, /
    ) -> int:
        """Search, counting."""
        self.scanned += len(self) - (start or 0).__index__()
        return super().find(sub, start, end)


class CountingFramer(Framer):
    """A framer whose searches are counted."""

    def __init__(self, *, line_limit: int) -> None:
        super().__init__(line_limit=line_limit)
        self.buffer = self._buffer = CountingBuffer()


def test_large_message_is_looked_at_once(client: Client, mailroom: Mailroom) -> None:
    """20 MiB in segments are searched once, not once per segment."""
    framer = client.framer = CountingFramer(line_limit=1_000)
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    segment = (b"x" * 70 + b"\r\n") * 227
    segments = (20 << 20) // len(segment) + 1
    before = framer.buffer.scanned
    for _ in range(segments):
        assert client.say(segment) == []
    assert client.codes(".") == ["250 2.0.0"]
    ((_, content),) = mailroom.delivered
    assert content == segment * segments
    assert framer.buffer.scanned - before < 1.01 * len(content)


@pytest.mark.parametrize("service", ["smtp", "lmtp"])
def test_line_ends_are_kept_where_that_is_wanted(connect: Connect, mailroom: Mailroom, service: str) -> None:
    """With --keep-line-ends the octets are those that were sent."""
    client = connect(service, keep_line_ends=True)
    client.ask("LHLO x" if service == "lmtp" else "EHLO x", *READY[1:])
    client.say(b"a\nb\rc\r\n.\r\n")
    assert mailroom.delivered[0][1] == b"a\nb\rc\r\n"


def test_smuggling_stays_refused(client: Client, mailroom: Mailroom) -> None:
    """A dot beside a bare LF is refused before any line end is mended."""
    begin(client)
    (reply,) = client.say(b"first half\n.\r\nsecond half\r\n.\r\n")
    assert reply.raw.startswith(b"550 5.6.0 ")
    assert mailroom.delivered == []
