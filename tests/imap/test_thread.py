"""Tests of labserver.imap.thread."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.effort import Effort, at_once
from labserver.imap.thread import ALGORITHMS, Thread, format_threads
from tests.imap.paper_mailbox import mailbox, message
from tests.work import Counted


def mail(own: str = "", references: str = "", subject: str = "", *, day: int = 1, reply_to: str = "") -> bytes:
    """Return a message with the fields that threading looks at; identifiers are single letters."""

    def identifiers(letters: str) -> str:
        return " ".join(f"<{letter}@lab.test>" for letter in letters)

    fields = {
        "Message-ID": identifiers(own),
        "References": identifiers(references),
        "In-Reply-To": identifiers(reply_to),
        "Subject": subject,
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\r\n".join([*lines, f"Date: {day} Jan 2024 12:00 +0000", "", ""]).encode()


def threads(algorithm: bytes, *mails: bytes) -> str:
    """Return the threads of a mailbox as they stand in the response."""
    effort = Effort()
    found = at_once(ALGORITHMS[algorithm](mailbox(*mails), effort))
    return at_once(format_threads(found, effort, uid=False)).decode()


REFERENCES = {
    "nothing": ([], ""),
    "one": ([mail("a")], "(1)"),
    "a chain": ([mail("a"), mail("b", "a"), mail("c", "ab")], "(1 2 3)"),
    "a chain that arrived backwards": ([mail("c", "ab"), mail("b", "a"), mail("a")], "(3 2 1)"),
    "siblings by date": ([mail("a"), mail("b", "a", day=3), mail("c", "a", day=2)], "(1 (3)(2))"),
    "siblings of one moment by number": ([mail("a"), mail("b", "a"), mail("c", "a")], "(1 (2)(3))"),
    "nested": ([mail("a"), mail("b", "a"), mail("c", "a"), mail("d", "ab"), mail("e", "ab")], "(1 (2 (4)(5))(3))"),
    "roots by date": ([mail("a", day=3), mail("b", day=1), mail("c", day=2)], "(2)(3)(1)"),
    "a missing root with two children": ([mail("b", "a"), mail("c", "a")], "((1)(2))"),
    "a missing root with one child": ([mail("b", "a")], "(1)"),
    "a missing root with one child and grandchildren": ([mail("b", "a"), mail("c", "ab")], "(1 2)"),
    "a missing message in between": ([mail("a"), mail("c", "ab")], "(1 2)"),
    "missing messages in a row": ([mail("a"), mail("e", "abcd"), mail("f", "abcd")], "(1 (2)(3))"),
    "missing root above a missing message": ([mail("c", "ab"), mail("d", "ab")], "((1)(2))"),
    "In-Reply-To without References": ([mail("a"), mail("b", reply_to="a")], "(1 2)"),
    "only the first of In-Reply-To": ([mail("a"), mail("b"), mail("c", reply_to="ab")], "(1 3)(2)"),
    "References before In-Reply-To": ([mail("a"), mail("b"), mail("c", "a", reply_to="b")], "(1 3)(2)"),
    "a loop of two": ([mail("a", "b"), mail("b", "a")], "(2 1)"),
    "a message that refers to itself": ([mail("a", "a")], "(1)"),
    "a message's own word about its parent counts": (
        [mail("c", "ab"), mail("b", "x"), mail("x"), mail("a")],
        "(3 2 1)(4)",
    ),
    "a message without references leaves its parent": ([mail("c", "ab"), mail("a"), mail("b")], "(2)(3 1)"),
    "what was linked first stays": ([mail("c", "ab"), mail("d", "xb"), mail("x"), mail("a")], "(3)(4 (1)(2))"),
    "a duplicate identifier": ([mail("a"), mail("a"), mail("b", "a")], "(1 3)(2)"),
    "no identifier at all": ([mail(), mail(), mail("a")], "(1)(2)(3)"),
    # by subject
    "the same subject": ([mail("a", subject="x"), mail("b", subject="X")], "((1)(2))"),
    "three of one subject": ([mail("a", subject="x"), mail("b", subject="x"), mail("c", subject="x")], "((1)(2)(3))"),
    "a reply below its original": ([mail("a", subject="x"), mail("b", subject="Re: x")], "(1 2)"),
    "even if it is earlier": ([mail("a", subject="Re: x"), mail("b", subject="x", day=2)], "(2 1)"),
    "two replies without an original": ([mail("a", subject="Re: x"), mail("b", subject="Re: x")], "((1)(2))"),
    "no subject joins nothing": ([mail("a"), mail("b", subject="Re:"), mail("c")], "(1)(2)(3)"),
    "into a missing root": (
        [mail("b", "a", subject="Re: x"), mail("c", "a", subject="x"), mail("d", subject="x", day=2)],
        "((1)(2)(3))",
    ),
    "two missing roots": (
        [mail("b", "a", subject="x"), mail("c", "a"), mail("e", "d", subject="Re: x"), mail("f", "d")],
        "((1)(2)(3)(4))",
    ),
    "subjects below a root do not count": (
        [mail("a", subject="x"), mail("b", "a", subject="y"), mail("c", subject="y")],
        "(1 2)(3)",
    ),
}


@pytest.mark.parametrize(("mails", "expected"), REFERENCES.values(), ids=REFERENCES.keys())
def test_references(mails: list[bytes], expected: str) -> None:
    """REFERENCES links, prunes, joins and sorts as RFC 5256 3 says."""
    assert threads(b"REFERENCES", *mails) == expected


ORDERED_SUBJECT = {
    "nothing": ([], ""),
    "one subject": ([mail(subject="x"), mail(subject="Re: x"), mail(subject="[y] X")], "(1 (2)(3))"),
    "two of a subject": ([mail(subject="x"), mail(subject="Re: x")], "(1 2)"),
    "the earliest is the root": (
        [mail(subject="x", day=3), mail(subject="x", day=1), mail(subject="x", day=2)],
        "(2 (3)(1))",
    ),
    "threads by the date of their root": (
        [mail(subject="a", day=2), mail(subject="b", day=1), mail(subject="a", day=3)],
        "(2)(1 3)",
    ),
    "references do not count": ([mail("a", subject="x"), mail("b", "a", subject="y")], "(1)(2)"),
}


@pytest.mark.parametrize(("mails", "expected"), ORDERED_SUBJECT.values(), ids=ORDERED_SUBJECT.keys())
def test_ordered_subject(mails: list[bytes], expected: str) -> None:
    """ORDEREDSUBJECT puts one level below the earliest message of each subject."""
    assert threads(b"ORDEREDSUBJECT", *mails) == expected


def test_by_uid() -> None:
    """UID THREAD tells UIDs."""
    effort = Effort()
    found = at_once(ALGORITHMS[b"REFERENCES"](mailbox(mail("a"), mail("b", "a")), effort))
    assert at_once(format_threads(found, effort, uid=True)) == b"(10 20)"


@pytest.mark.parametrize("order", [1, -1])
def test_endless_chains(order: int) -> None:
    """A chain of references as long as the mailbox needs no recursion, whatever the order."""
    mails = [f"Message-ID: <{n}@x>\r\nReferences: <{n - 1}@x>\r\nSubject: {n}\r\n\r\n".encode() for n in range(5000)][
        ::order
    ]
    found = [(number, message(content, uid=number)) for number, content in enumerate(mails, 1)]
    effort = Effort()
    answer = at_once(format_threads(at_once(ALGORITHMS[b"REFERENCES"](found, effort)), effort, uid=True))
    assert answer == b"(%b)" % b" ".join(b"%d" % number for number, _ in found[::order])


def test_deep_trees() -> None:
    """Branches in branches are written without recursion."""
    root = thread = Thread((1, message()))
    for number in range(2, 9000, 2):
        child = Thread((number, message()))
        thread.adopt(child)
        thread.adopt(Thread((number + 1, message())))
        thread = child
    answer = at_once(format_threads([root], Effort(), uid=False))
    assert answer.startswith(b"(1 (2 (4 (")
    assert answer.count(b"(") == answer.count(b")") == 9000 - 1


@given(st.integers(0, 10_000), st.sampled_from(list(ALGORITHMS)))
def test_everybody_is_in_one_thread(seed: int, algorithm: bytes) -> None:
    """Whatever refers to whatever, each message is in the answer exactly once."""
    chance = random.Random(seed)  # noqa: S311 -- a test's dice
    letters = "abcdef"
    mails = [
        mail(
            chance.choice(letters),
            "".join(chance.choices(letters, k=chance.randrange(4))),
            chance.choice(["", "x", "Re: x", "y"]),
            day=chance.randrange(1, 9),
        )
        for _ in range(chance.randrange(12))
    ]
    answer = threads(algorithm, *mails)
    numbers = sorted(int(number) for number in answer.replace("(", " ").replace(")", " ").split())
    assert numbers == list(range(1, len(mails) + 1))


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
@pytest.mark.parametrize(
    "mails",
    [
        [mail("a", "b")] * 3000,
        [f"Message-ID: <{n}@x>\r\nReferences: <{n + 1}@x>\r\n\r\n".encode() for n in range(3000)],
        [b"References: <gone@x>\r\nSubject: x\r\n\r\n"] * 3000,
        [b"References: %b\r\n\r\n" % b" ".join(b"<%d@x>" % n for n in range(k, k + 50)) for k in range(300)],
        [b"Subject: x\r\n\r\n"] * 3000,
    ],
    ids=["duplicates", "a chain backwards", "one missing parent", "many references", "one subject"],
)
def test_threading_takes_turns(algorithm: bytes, mails: list[bytes]) -> None:
    """Whatever refers to whatever, work is counted step by step, and threads are the same for all the turns."""
    hits, effort = mailbox(*mails), Counted(turn=1 << 14)
    found = at_once(ALGORITHMS[algorithm](hits, effort))
    answer = at_once(format_threads(found, effort, uid=False))
    assert answer.decode() == threads(algorithm, *mails)
    assert effort.turns >= len(mails) * 64 // (1 << 14)
    assert effort.largest <= 3001 * 128
