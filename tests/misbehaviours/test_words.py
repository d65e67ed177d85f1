"""What tables say is sent, and what is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.dialogues.exchange import ReplyKind
from labserver.misbehaviours.moment import Memories
from labserver.misbehaviours.words import PLACES, Lines, Octets, Words
from tests.misbehaviours.stage import command, moment

HERE = moment("imap", command("imap", b'a7 SELECT "W rk"'), memories=Memories(seed="7"))
FILLED: dict[str, bytes] = {
    "plain": b"plain",
    "": b"",
    "Grüße": "Grüße".encode(),
    "<tag> OK": b"a7 OK",
    "<tag+1>,<tag+12>": b"a8,a19",
    "<nonce>": HERE.nonce.encode(),
    "<mailbox>": b"W rk",
    "<b64:Password:>": b"UGFzc3dvcmQ6",
    "<b64:>": b"",
    "<x:ff00>": b"\xff\0",
    "<x:0d0A>": b"\r\n",
    "<fill:A*3>": b"AAA",
    "<fill:ab*2>": b"abab",
    "<fill:**2>": b"**",
    "<fill:A*0>": b"",
    "<cr><lf><crlf><nul><lt>": b"\r\n\r\n\0<",
    "<alice@lab.test>": b"<alice@lab.test>",
    "<>": b"<>",
    "<1896.697170952@dbc.mtview.ca.us>": b"<1896.697170952@dbc.mtview.ca.us>",
    "a < b > c": b"a < b > c",
    "<p>text</p>": b"<p>text</p>",
    "<lt>tag>": b"<tag>",
    "<<tag>>": b"<a7>",
    "<tag": b"<tag",
    "\r\n": b"\r\n",
}


@pytest.mark.parametrize(("text", "octets"), FILLED.items())
def test_octets(text: str, octets: bytes) -> None:
    """Octets are as they stand, but for their places."""
    assert b"".join(Octets(text).filled(HERE)) == octets
    assert Octets(text).octets(HERE) == octets


LINES: dict[str | tuple[str, ...], bytes] = {
    "250 ok": b"250 ok\r\n",
    "250-a\n250 b": b"250-a\r\n250 b\r\n",
    "250-a\r\n250 b\r\n": b"250-a\r\n250 b\r\n",
    "": b"\r\n",
    "\n": b"\r\n",
    "\n\n": b"\r\n\r\n",
    ("250-a", "250 b"): b"250-a\r\n250 b\r\n",
    ("+OK\n1 2", "."): b"+OK\r\n1 2\r\n.\r\n",
    "<tag> OK <crlf>": b"a7 OK \r\n\r\n",
}


@pytest.mark.parametrize(("text", "octets"), LINES.items())
def test_lines(text: str | tuple[str, ...], octets: bytes) -> None:
    """Every line gets CRLF; the text's own last line end is not one more line."""
    assert b"".join(Lines(text).filled(HERE)) == octets


LOOKALIKES = {
    "<Tag>": "<tag>",
    "<tags>": "<tag>",
    "<tag+>": "<tag+1>",
    "<tag+0>": "<tag+1>",
    "<CRLF>": "<crlf>",
    "<crlff>": "",
    "<x:f>": "<x:ff00>",
    "<x:zz>": "<x:ff00>",
    "<fill:A>": "<fill:A*1000>",
    "<fill*3>": "",
    "<b64>": "<b64:text>",
    "<nonce:8>": "<nonce>",
    "<mailboxes>": "<mailbox>",
}


@pytest.mark.parametrize(("text", "meant"), LOOKALIKES.items())
def test_lookalikes_are_refused(text: str, meant: str) -> None:
    """What looks like a place and is none is told with all places, the nearest, and how to say it as it stands."""
    with pytest.raises(ValueError, match="is not a place that can be filled in") as error:
        Octets(f"250 {text}")
    assert f"write <lt>{text[1:]}" in str(error.value)
    assert all(place in str(error.value) for place in PLACES)
    assert meant in str(error.value)


MISTAKES: dict[str, tuple[type[Words], object, str]] = {
    "too much": (Octets, "<fill:A*1073741825>", "more than 1 GiB"),
    "too much of more": (Octets, "<fill:AB*536870913>", "more than 1 GiB"),
    "too long a text": (Octets, "A" * 65_537, "more than 65,536 characters"),
    "a CR in a line": (Lines, "a\rb", "has a CR"),
    "no text": (Lines, 5, "has to be a line, or an array of them"),
    "an empty array": (Lines, [], "has to be a line"),
    "an array of others": (Octets, ["a", 5], "has to be a text"),
}


@pytest.mark.parametrize(("kind", "value", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: type[Words], value: object, reason: str) -> None:
    """What cannot be sent is refused when it is read."""
    with pytest.raises(ValueError, match=reason):
        kind.read(value)


def test_values() -> None:
    """Texts are the same if they are sent in the same way."""
    assert Lines.read("a") == Lines("a") != Octets("a")
    assert Lines.read(["a", "b"]) == Lines(("a", "b"))
    assert hash(Lines("a")) == hash(Lines("a"))
    assert repr(Octets("a")) == "Octets('a')"


def test_long_replies_are_made_as_they_leave() -> None:
    """A gibibyte is a few pieces of tens of kibibytes at any time, the same when it is gone through again."""
    reply = Lines("* <fill:AB*400000000>").reply(HERE)
    assert len(reply.raw) < 100_000
    pieces = iter(reply.rest)
    assert all(len(next(pieces)) < 100_000 for _ in range(10))
    short = Lines("* <fill:AB*50000> end").reply(HERE)
    octets = b"".join((short.raw, *short.rest))
    assert octets == b"* " + b"AB" * 50_000 + b" end\r\n"
    assert b"".join((short.raw, *short.rest)) == octets


REPLIES: dict[tuple[str, str], tuple[ReplyKind, str]] = {
    ("smtp", "250 ok"): (ReplyKind.COMPLETION, "250"),
    ("smtp", "250-a\n550 b"): (ReplyKind.COMPLETION, "550"),
    ("smtp", "334 "): (ReplyKind.CONTINUATION, "334"),
    ("smtp", "354"): (ReplyKind.CONTINUATION, "354"),
    ("smtp", "hello"): (ReplyKind.COMPLETION, ""),
    ("smtp", "2500 x"): (ReplyKind.COMPLETION, ""),
    ("imap", "<tag> NO x"): (ReplyKind.COMPLETION, "NO"),
    ("imap", "* OK x"): (ReplyKind.UNTAGGED, "OK"),
    ("imap", "* 1 EXISTS\n<tag> ok x"): (ReplyKind.COMPLETION, "OK"),
    ("imap", "+ go"): (ReplyKind.CONTINUATION, "+"),
    ("imap", "a"): (ReplyKind.COMPLETION, ""),
    ("imap", ""): (ReplyKind.COMPLETION, ""),
    ("pop3", "+OK 1"): (ReplyKind.COMPLETION, "+OK"),
    ("pop3", "+OK\n1 2\n."): (ReplyKind.COMPLETION, "+OK"),
    ("pop3", "-ERR"): (ReplyKind.COMPLETION, "-ERR"),
    ("pop3", "+ x"): (ReplyKind.CONTINUATION, "+"),
}


@pytest.mark.parametrize(("said", "meaning"), REPLIES.items())
def test_what_a_reply_is(said: tuple[str, str], meaning: tuple[ReplyKind, str]) -> None:
    """Octets say what they are to the dialogue, unless somebody knows better."""
    service, text = said
    here = moment(service, command(service, b"a NOOP"))
    reply = Lines(text).reply(here)
    assert (reply.kind, reply.code) == meaning
    assert Lines(text).reply(here, ReplyKind.GREETING).kind is ReplyKind.GREETING


MASKED: dict[str, tuple[bytes, str, bytes | None]] = {
    "nothing of the client's": (b"a7 NOOP", "* OK <nonce>", None),
    "a tag that counts": (b"a7 NOOP", "* OK <tag>", None),
    "a tag that may be anything": (b"secretword LOGIN", "* OK <tag>", b"* OK ****\r\n"),
    "one more than that": (b"secret7word LOGIN", "* OK <tag+1>", b"* OK ****\r\n"),
    "at the beginning it is who sends it that masks": (b"secretword LOGIN", "<tag> OK", None),
    "a mailbox before login": (b"a7 SELECT hunter2", "* OK <mailbox>", b"* OK ****\r\n"),
    "no mailbox": (b"a7 NOOP", "* OK <mailbox>", None),
}


@pytest.mark.parametrize(("line", "text", "masked"), MASKED.values(), ids=MASKED)
def test_what_may_be_a_password_is_masked(line: bytes, text: str, masked: bytes | None) -> None:
    """A reply that repeats words of the client's is masked in the transcript where they may be a password."""
    here = moment("imap", command("imap", line))
    reply = Lines(text).reply(here)
    if here.mailbox_octets:
        assert here.mailbox_octets in reply.raw
    assert reply.masked == masked


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    """Any text is sent as it is, or filled in, or refused with a reason."""
    try:
        octets = b"".join(Octets(text).filled(HERE))
    except ValueError:
        assert "<" in text
        return
    if "<" not in text:
        assert octets == text.encode("utf-8", "surrogateescape")
