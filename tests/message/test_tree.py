"""Tests of labserver.message.tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labserver.effort import TURN, at_once
from labserver.message.tree import DEEPEST, MOST_PARTS, read_tree, tree
from tests.work import Counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.message.part import Part


def shape(part: Part) -> str:
    """Return a tree as text: subtypes, with the bodies of those that have no parts."""
    if part.children:
        return f"{part.content_type.subtype.decode()}({', '.join(map(shape, part.children))})"
    return f"{part.content_type.subtype.decode()} {part.body_octets().decode('latin-1')!r}"


MIXED = "Content-Type: multipart/mixed; boundary=b\n\n"

SHAPES = {
    "no header at all": ("\nbody", "plain 'body'"),
    "nothing": ("", "plain ''"),
    "no separator": ("Subject: x", "plain ''"),
    "blank line only": ("\n", "plain ''"),
    "two parts, preamble, epilogue": (
        MIXED + "pre\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n\n--b--\nepi\n--b\n\nthree",
        "mixed(plain 'one', html 'two\\r\\n')",
    ),
    "no end boundary": (MIXED + "--b\n\none\n--b\n\ntwo\n", "mixed(plain 'one', plain 'two\\r\\n')"),
    "no boundary line": (MIXED + "one\n", "mixed 'one\\r\\n'"),
    "no boundary parameter": ("Content-Type: multipart/mixed\n\n--b\n\none", "mixed '--b\\r\\n\\r\\none'"),
    "end boundary first": (MIXED + "--b--\n--b\n\none", "mixed '--b--\\r\\n--b\\r\\n\\r\\none'"),
    "boundary is the message's last line": (MIXED + "--b\n\none\n--b", "mixed(plain 'one')"),
    "boundary with an empty rest": (MIXED + "--b\n\none\n--b\n", "mixed(plain 'one', plain '')"),
    "boundary with white space and text behind it": (
        MIXED + "--b \t\n\none\n--bcd\n\ntwo",
        "mixed(plain 'one', plain 'two')",
    ),
    "boundary not at a line's start": (
        MIXED + "--b\n\none --b\n --b\n\n--b--",
        "mixed(plain 'one --b\\r\\n --b\\r\\n')",
    ),
    "empty part": (MIXED + "--b\n--b\n\none\n--b--", "mixed(plain '', plain 'one')"),
    "header cut off by a boundary": (MIXED + "--b\nContent-Type: text/html\n--b--", "mixed(html '')"),
    "quoted boundary": (
        'Content-Type: multipart/mixed; boundary="a b;c\\"d"\n\n--a b;c"d\n\none\n--a b;c"d--',
        "mixed(plain 'one')",
    ),
    "unquoted boundary that needed quotes": (
        "Content-Type: multipart/mixed; boundary=----=_P/1:2?\n\n------=_P/1:2?\n\none\n------=_P/1:2?--",
        "mixed(plain 'one')",
    ),
    "outer boundary ends an unclosed inner multipart": (
        MIXED + "--b\nContent-Type: multipart/related; boundary=i\n\n--i\n\none\n--i\n\ntwo\n--b\n\nthree\n--b--",
        "mixed(related(plain 'one', plain 'two'), plain 'three')",
    ),
    "the longer of two matching boundaries wins": (
        MIXED + "--b\nContent-Type: multipart/related; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--",
        "mixed(related(plain 'one'), plain 'two')",
    ),
    "the inner of two equal boundaries wins": (
        MIXED + "--b\n" + MIXED + "--b\n\none\n--b--\n--b\n\ntwo\n--b--",
        "mixed(mixed(plain 'one'), plain 'two')",
    ),
    "digest parts are messages unless they say otherwise": (
        (
            "Content-Type: multipart/digest; boundary=b\n\n"
            "--b\n\nSubject: x\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b\nX: y\n\n\nthree\n--b--"
        ),
        "digest(rfc822(plain 'one'), html 'two', rfc822(plain 'three'))",
    ),
    "message in a message": (
        "Content-Type: message/rfc822\n\nContent-Type: MESSAGE/RFC822\n\n\none",
        "rfc822(RFC822(plain 'one'))",
    ),
    "a boundary ends the message inside": (
        MIXED + "--b\nContent-Type: message/rfc822\n\nSubject: cut\n--b\n\nhtml\n--b--",
        "mixed(rfc822(plain ''), plain 'html')",
    ),
    "message/global is opaque": (
        "Content-Type: message/global\n\nSubject: x\n\none",
        "global 'Subject: x\\r\\n\\r\\none'",
    ),
    "bare CR is no line ending": ("Subject: x\r\r\rone", "plain ''"),
}


@pytest.mark.parametrize(("text", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_shapes(text: str, expected: str) -> None:
    """Broken and odd structures have the parts that a tolerant reader finds in them."""
    assert shape(tree(text.replace("\n", "\r\n").encode())) == expected


@pytest.mark.parametrize(("text", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_bare_line_feeds(text: str, expected: str) -> None:
    """A bare LF ends a line like CRLF does."""
    assert shape(tree(text.encode())) == expected.replace("\\r\\n", "\\n")


def assert_partition(part: Part) -> None:
    """Check that a part's pieces lie in it, in order, with nothing but boundary lines and text around them."""
    assert part.start <= part.body <= part.end <= len(part.content)
    position = part.body
    for child in part.children:
        assert position <= child.start
        assert child.end <= part.end
        if part.is_multipart:
            assert b"--" in part.content[position : child.start]
        else:
            assert (child.start, child.end) == (part.body, part.end)
        position = child.end
        assert_partition(child)


def assert_fields(part: Part) -> None:
    """Check that the fields of a header are in it, in order, with nothing but lines of white space around them."""
    end = part.start
    for field in part.header.fields():
        assert not part.content[end : field.start].strip()
        assert field.start < field.end
        end = field.end
    assert not part.content[end : part.body].strip()


def assert_sections(message: Part) -> None:
    """Check that header and text are the message, for it and for all in it."""
    assert message.section((), "") == message.content
    assert message.section((), "HEADER") == message.content[: message.body]
    for part in message.walk():
        octets = part.content[part.start : part.end]
        assert part.header.raw + part.body_octets() == octets
        assert_fields(part)
        decoded = part.decoded()
        assert decoded is None or len(decoded) <= part.size


def test_samples_partition(sample: bytes) -> None:
    """Every sample's parts partition its octets."""
    message = tree(sample)
    assert_partition(message)
    assert_sections(message)


PIECES = b"""\
\r\n|\n|\r|--b|--bb|--|--b--|Content-Type: multipart/mixed; boundary=b\r\n|Subject: |\0|\xff|(|"|text|:| |=C3=|YQ=|\
Content-Type: multipart/digest; boundary="bb"\r\n\r\n|Content-Type: message/rfc822\r\n\r\n|\
Content-Transfer-Encoding: base64\r\n|Content-Transfer-Encoding: quoted-printable\n\
""".split(b"|")


@given(st.one_of(st.binary(), st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)))
@example(b"\0\n\r\r\n\0")  # a line of white space between two fields
def test_any_octets(content: bytes) -> None:
    """Whatever the octets are, there is a tree, its parts partition them and can be decoded."""
    message = tree(content)
    assert_partition(message)
    assert_sections(message)


def nested(levels: int) -> bytes:
    """Return multiparts in each other."""
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d-\n\n--b%d-\n" % (n, n) for n in range(levels))


def test_nesting_is_bounded() -> None:
    """Beyond the deepest level a multipart is one opaque part."""
    message = tree(nested(DEEPEST * 2))
    parts = list(message.walk())
    assert len(parts) == DEEPEST
    assert parts[-2].content_type.essence == b"multipart/mixed"
    assert parts[-1].content_type.essence == b"application/octet-stream"
    assert parts[-1].end == len(message.content)


def test_nested_messages_are_bounded() -> None:
    """Beyond the deepest level a message is one opaque part."""
    message = tree(b"Content-Type: message/rfc822\n\n" * (DEEPEST * 2))
    assert len(list(message.walk())) == DEEPEST


def test_number_of_parts_is_bounded() -> None:
    """Beyond the highest number of parts no more are looked for; the rest is in none."""
    message = tree(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * (MOST_PARTS * 2))
    assert len(list(message.walk())) == MOST_PARTS
    assert message.children[-1].end < len(message.content)


def test_number_of_comparisons_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many comparisons of boundaries with lines no more are made."""
    monkeypatch.setattr("labserver.message.tree.MOST_COMPARISONS", 100)
    message = tree(MIXED.encode() + b"--b\n\n" + b"--x\n" * 98 + b"--b\n\n--b\n\n")
    assert len(message.children) == 2
    assert message.children[-1].end == len(message.content)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "boundary lines": lambda n: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * n,
    "almost boundary lines": lambda n: b"Content-Type: multipart/mixed; boundary=bb\n\n" + b"--b\n" * n,
    "parts without a blank line": lambda n: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nx: y\n" * n,
    "nested boundaries": nested,
    "nested boundaries and lines": lambda n: nested(50) + b"\n" + b"--x\n" * n,
    "nested messages": lambda n: b"Content-Type: message/rfc822\n\n" * n,
    "header lines": lambda n: b"Content-Type: multipart/mixed; boundary=b\n" + b"a:\n" * n,
    "unopened comments": lambda n: b"Content-Type: multipart/mixed" + b"(" * n,
    "parameters": lambda n: b"Content-Type: multipart/mixed" + b';a="\\"' * n,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_work_is_linear(hostile: Callable[[int], bytes], calls: Callable[[Callable[[], object]], int]) -> None:
    """Twice the octets are at most about twice the work, however the message is built."""

    def work(size: int) -> int:
        content = hostile(size)
        return calls(lambda: list(tree(content).walk()))

    small, large = work(500), work(1000)
    assert large < 2.3 * small + 100


def test_reading_the_header_does_not_look_for_parts(calls: Callable[[Callable[[], object]], int]) -> None:
    """ENVELOPE and HEADER cost no more for a message of many parts."""
    content = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 1000
    assert calls(lambda: tree(content).section((), "HEADER")) < 30


def _places(part: Part) -> list[tuple[int, int, int]]:
    return [(inner.start, inner.body, inner.end) for inner in part.walk()]


@pytest.mark.parametrize("window", [16, 1 << 17])
def test_parts_found_in_turns(sample: bytes, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are the same when they are looked for in turns, whatever a window of the octets cuts in two."""
    at_once_found = _places(tree(sample))
    monkeypatch.setattr("labserver.message.tree.WINDOW", window)
    monkeypatch.setattr("labserver.message.header.WINDOW", window)
    effort = Counted(turn=1)
    assert _places(at_once(read_tree(sample, effort))) == at_once_found


_ENDLESS = {
    "lines like boundaries": MIXED.encode() + b"\n--c" * (1 << 20),
    "boundaries": MIXED.encode() + b"\n--b" * (1 << 20),
    "a header of lines like boundaries": MIXED.encode() + b"--b" + b"\n--c" * (1 << 20),
    "nothing of the kind": MIXED.encode() + b"x" * (1 << 22),
    "a header without end": b"X: " + b"y" * (1 << 22),
    "a message in it": b"Content-Type: message/rfc822\n\nX: y" + b"\n--c" * (1 << 20),
    "lines in a hundred multiparts": (
        b"Content-Type: multipart/mixed; boundary=b0\n\n"
        + b"".join(b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(98))
        + b"\n--c" * (1 << 18)
    ),
}


@pytest.mark.parametrize("content", _ENDLESS.values(), ids=_ENDLESS.keys())
def test_no_step_is_long(content: bytes) -> None:
    """Whatever is in a long message, its parts are looked for in steps of less than a turn, and it gives way."""
    effort = Counted()
    at_once(read_tree(content, effort))
    assert effort.total >= min(len(content), 1 << 20)
    assert effort.largest < TURN
    assert effort.turns >= 1
