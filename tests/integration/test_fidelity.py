"""What is sent is what is read, on every way in and out: octet for octet, but for CRLF in place of bare LF."""

from __future__ import annotations

import importlib
import itertools
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import running
from tests.integration.peer import Peer, send_mail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.labs import LabProcess

_SAMPLES = Path(__file__).parents[1] / "samples"
_HEAD = b"From: a@example.test\r\nSubject: x\r\n\r\n"
_WAYS_IN = ["DATA", "BDAT", "LMTP", "DATA, line ends kept"]
_BARE_LF = re.compile(rb"(?<!\r)\n")


def _python_samples() -> Iterator[tuple[str, bytes]]:
    """Yield the messages that Python's own email package is tested with, where this Python has its tests."""
    try:
        package = importlib.import_module("test.test_email")
    except ImportError:
        return
    for path in sorted(Path(str(package.__file__)).parent.glob("data/*.txt")):
        yield f"python-{path.stem}", path.read_bytes()


def _written() -> Iterator[tuple[str, bytes]]:
    randoms = random.Random(6).randbytes(50_000)  # noqa: S311 -- the same octets every time
    yield "smtputf8", "From: ärger@bücher.test\r\nSubject: Grüße 你好\r\n\r\n✓\r\n".encode()
    yield "latin-1", _HEAD + bytes(range(128, 256)) + b"\r\n"
    yield "binary", _HEAD + randoms
    yield "nul", _HEAD + b"\0\0\r\n"
    yield "dots", _HEAD + b".\r\n..\r\n...\r\n.x\r\nx.\r\n . \r\n"
    yield "first-dot", b".\r\nSubject: x\r\n\r\n.\r\n"
    yield "bare-lf", _HEAD.replace(b"\r\n", b"\n") + b"one\ntwo\n"
    yield "bare-cr", _HEAD + b"one\rtwo\r\r\r\n"
    yield "lf-cr", _HEAD + b"\n\r\n\r\n\r"
    yield "no-line-end", _HEAD + b"the end"
    yield "only-cr", _HEAD + b"\r"
    yield "long-line", _HEAD + b"x" * 200_000 + b"\r\n"
    yield "many-lines", _HEAD + b"\r\n" * 20_000
    yield "one-octet", b"x"


_MESSAGES: dict[str, bytes] = {
    **dict(_python_samples()),
    **{f"sample-{path.stem}": path.read_bytes() for path in sorted(_SAMPLES.glob("*.eml"))},
    **dict(_written()),
}


def _for_data(content: bytes) -> bytes:
    """Return the message as DATA can carry it: whole lines; and without what is refused as smuggling."""
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") if _bare(content) else None
    whole = b"\r\n".join(lines) if lines is not None else content
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def _bare(content: bytes) -> bool:
    """Tell whether a lone dot stands beside a bare CR or LF: the lab refuses that in DATA (CVE-2023-51764)."""
    without = content.replace(b"\r\n", b"")
    return b"." in without and (b"\n." in without or b"\r." in without or b".\n" in without or b".\r" in without)


def _stored(content: bytes, way: str) -> bytes:
    return content if way == "BDAT" else _for_data(content)


@pytest.fixture(scope="module", params=_WAYS_IN)
def sent(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LabProcess, list[bytes]]]:
    """Send every message by one way, and return what ought to be stored, in order."""
    way: str = request.param
    contents = [_stored(content, way) for content in _MESSAGES.values()]
    options = ("--keep-line-ends",) if way.endswith("kept") else ()
    with running(tmp_path_factory.mktemp("lab"), "--lmtp-port", "0", *options) as lab:
        for name, content in zip(_MESSAGES, contents, strict=True):
            service = "lmtp" if way == "LMTP" else "smtp"
            (reply,) = send_mail(lab, content, "alice@lab.test", service=service, chunked=way == "BDAT")
            assert reply.startswith(b"250"), (name, reply)
        mended = way in ("DATA", "LMTP")  # what comes by BDAT is declared as BINARYMIME, whose octets are no lines
        yield lab, [_BARE_LF.sub(b"\r\n", content) for content in contents] if mended else contents


def _differing(contents: list[bytes], read: list[bytes]) -> list[str]:
    assert len(read) == len(contents)
    return [name for name, content, got in zip(_MESSAGES, contents, read, strict=True) if content != got]


def test_there_is_something_to_send() -> None:
    """The messages are many, and real ones among them."""
    assert len(_MESSAGES) > 30


def test_imap(sent: tuple[LabProcess, list[bytes]]) -> None:
    """FETCH BODY[] gives what ought to be stored, but for NUL, which no literal can hold."""
    lab, contents = sent
    with Peer(lab, "imaps") as peer:
        assert _differing([content.replace(b"\0", b"\x80") for content in contents], peer.login().mailbox()) == []


def test_imap_in_pieces(sent: tuple[LabProcess, list[bytes]]) -> None:
    """Header and text, and partial fetches, are the message in pieces."""
    lab, contents = sent
    with Peer(lab, "imaps") as peer:
        peer.login().ask(b"x SELECT INBOX\r\n")
        for number, content in enumerate(contents, 1):
            answer = peer.ask(b"y FETCH %d (BODY.PEEK[]<1.1000>)\r\n" % number)
            piece = content[1:1001].replace(b"\0", b"\x80")
            expected = b"{%d}\r\n%b)" % (len(piece), piece)
            assert expected in answer or (not piece and b'""' in answer), list(_MESSAGES)[number - 1]
            assert b"RFC822.SIZE %d" % len(content) in peer.ask(b"z FETCH %d (RFC822.SIZE)\r\n" % number)


def test_pop3(sent: tuple[LabProcess, list[bytes]]) -> None:
    """RETR gives what was sent; a message without a last line's end gets one, as POP3 must."""
    lab, contents = sent
    with Peer(lab, "pop3s") as peer:
        assert peer.ask(b"UTF8\r\n").startswith(b"+OK"), "or messages with UTF-8 in their headers are downgraded"
        peer.login()
        read = []
        for number in range(1, len(contents) + 1):
            assert peer.ask(b"RETR %d\r\n" % number).startswith(b"+OK")
            read.append(_unstuffed(peer))
    padded = [content if content.endswith(b"\r\n") or not content else content + b"\r\n" for content in contents]
    assert _differing(padded, read) == []


def _unstuffed(peer: Peer) -> bytes:
    """Read octets up to CRLF.CRLF: POP3's lines end with CRLF only (RFC 1939 3)."""
    read = bytearray()
    while not read.endswith(b"\r\n.\r\n") and read != b".\r\n":
        line = peer.line()
        assert line
        read += line
    return bytes(read).removesuffix(b".\r\n").removeprefix(b".").replace(b"\r\n.", b"\r\n")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_attachment(lab: LabProcess, *, chunked: bool) -> None:
    """Twenty mebibytes come through, by IMAP and by POP3."""
    line = bytes(range(33, 109)) + b"\r\n"
    body = b"".join(itertools.repeat(line, (20 << 20) // len(line)))
    content = _HEAD + body
    (reply,) = send_mail(lab, content, "bob@lab.test", chunked=chunked)
    assert reply.startswith(b"250")
    with Peer(lab, "imap") as peer:
        read = peer.upgrade().login("bob").mailbox()
        assert read[-1] == content
    with Peer(lab, "pop3") as peer:
        peer.upgrade().login("bob")
        assert peer.ask(b"RETR %d\r\n" % len(read)).startswith(b"+OK")
        assert _unstuffed(peer) == content
