"""Claims about the answers of SEARCH, SORT and THREAD; what they find has its own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.imap.driver import Lab

SEARCHES = [
    ("SEARCH ALL", [b"* SEARCH 1 2 3 4 5"]),
    ("SEARCH SUBJECT o", [b"* SEARCH 1 2 4"]),
    ("UID SEARCH SUBJECT o UNSEEN", [b"* SEARCH 1 2 4"]),
    ("SEARCH SUBJECT nothing", [b"* SEARCH"]),
    ("SEARCH CHARSET utf-8 SUBJECT {3+}\r\ntwo", [b"* SEARCH 2"]),
    ("SEARCH RETURN (MIN MAX COUNT ALL) SUBJECT o", [b'* ESEARCH (TAG "t2") MIN 1 MAX 4 COUNT 3 ALL 1:2,4']),
    ("SEARCH RETURN () SUBJECT o", [b'* ESEARCH (TAG "t2") ALL 1:2,4']),
    ("UID SEARCH RETURN (MAX) SUBJECT o", [b'* ESEARCH (TAG "t2") UID MAX 4']),
    ("SEARCH RETURN (MIN COUNT) SUBJECT nothing", [b'* ESEARCH (TAG "t2") COUNT 0']),
    ("UID SEARCH RETURN (ALL) SUBJECT nothing", [b'* ESEARCH (TAG "t2") UID']),
    ("SEARCH RETURN (SAVE) SUBJECT o", []),
    ("SORT RETURN (SAVE) (DATE) UTF-8 SUBJECT o", []),
    ("SORT (SUBJECT) UTF-8 ALL", [b"* SORT 5 4 1 3 2"]),
    ("UID SORT (REVERSE SUBJECT) US-ASCII SUBJECT o", [b"* SORT 2 1 4"]),
    (
        "SORT RETURN (MIN MAX ALL COUNT) (SUBJECT) UTF-8 ALL",
        [b'* ESEARCH (TAG "t2") MIN 5 MAX 2 COUNT 5 ALL 5,4,1,3,2'],
    ),
    ("SORT (DISPLAYFROM) UTF-8 ALL", [b"* SORT 1 2 3 4 5"]),
    ("THREAD ORDEREDSUBJECT UTF-8 SUBJECT o", [b"* THREAD (1)(2)(4)"]),
    ("UID THREAD REFERENCES UTF-8 ALL", [b"* THREAD (1)(2)(3)(4)(5)"]),
    ("THREAD REFERENCES UTF-8 SUBJECT nothing", [b"* THREAD"]),
    ("SEARCH OLDER 1", [b"* SEARCH 1 2 3 4 5"]),
]


@pytest.mark.parametrize(("command", "answer"), SEARCHES)
def test_searching(filled: Lab, command: str, answer: list[bytes]) -> None:
    """SEARCH, SORT and THREAD answer with numbers or UIDs, or with what RETURN asked for (RFC 4731, RFC 5267)."""
    assert filled.selected().ok(command) == answer


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ("SEARCH", b"BAD "),
        ("SEARCH XYZZY", b"BAD "),
        ("SEARCH CHARSET", b"BAD "),
        ("SEARCH CHARSET x-unknown ALL", b"NO [BADCHARSET ("),
        ("SEARCH RETURN (XYZZY) ALL", b"BAD "),
        ("SEARCH RETURN (ALL)", b"BAD "),
        ("SEARCH RETURN ALL", b"BAD "),
        ("SORT () UTF-8 ALL", b"BAD "),
        ("SORT (XYZZY) UTF-8 ALL", b"BAD "),
        ("SORT (DATE) ALL", b"BAD "),
        ("SORT (DATE) x-unknown ALL", b"NO [BADCHARSET ("),
        ("THREAD XYZZY UTF-8 ALL", b"BAD "),
        ("THREAD REFERENCES x-unknown ALL", b"NO [BADCHARSET ("),
    ],
)
def test_search_faults(filled: Lab, command: str, verdict: bytes) -> None:
    """Faults are BAD; a charset that is not known is NO [BADCHARSET] with those that are (RFC 5530)."""
    assert filled.selected().do(command)[-1].startswith(verdict)


@pytest.mark.parametrize(
    "refine", ["SEARCH RETURN (SAVE) $ SUBJECT one", "SORT RETURN (SAVE) (DATE) UTF-8 $ SUBJECT one"]
)
def test_a_saved_result_is_refined(filled: Lab, refine: str) -> None:
    """In a search that saves its result, ``$`` is the result before (RFC 5182 2.1)."""
    client = filled.selected()
    client.ok("SEARCH RETURN (SAVE) SUBJECT o")
    client.ok(refine)
    assert client.ok("FETCH $ UID") == [b"* 1 FETCH (UID 1)"]


@pytest.mark.parametrize(
    "search", ["SEARCH RETURN (SAVE) CHARSET x-unknown ALL", "SORT RETURN (SAVE) (DATE) x-unknown ALL"]
)
def test_a_refused_search_empties_the_saved_result(filled: Lab, search: str) -> None:
    """NO to a search that should save its result leaves an empty one (RFC 5182 2.1)."""
    client = filled.selected()
    client.ok("SEARCH RETURN (SAVE) ALL")
    assert client.do(search)[-1].startswith(b"NO [BADCHARSET ")
    assert client.ok("FETCH $ UID") == []


def test_saved_results(filled: Lab) -> None:
    """``$`` is the last saved result, wherever a set may be; it follows EXPUNGE and ends with SELECT (RFC 5182)."""
    client = filled.selected()
    assert client.ok("FETCH $ UID") == []
    client.ok("SEARCH RETURN (SAVE) SUBJECT o")
    assert client.ok("FETCH $ UID") == [b"* %d FETCH (UID %d)" % (n, n) for n in (1, 2, 4)]
    assert client.ok("UID STORE $ +FLAGS.SILENT (\\Flagged)") == []
    assert client.ok("SEARCH FLAGGED NOT $") == [b"* SEARCH"]
    assert client.ok("SEARCH RETURN (COUNT) $ SUBJECT one") == [b'* ESEARCH (TAG "t7") COUNT 1']
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert client.ok("UID EXPUNGE $") == [b"* 1 EXPUNGE", b"* 4 RECENT"]
    assert client.ok("UID FETCH $ UID") == [b"* 1 FETCH (UID 2)", b"* 3 FETCH (UID 4)"]
    client.ok("UID SEARCH RETURN (SAVE MIN) ALL")
    assert client.ok("FETCH $ UID") == [b"* 1 FETCH (UID 2)"]
    client.ok("SEARCH RETURN (SAVE MIN MAX) ALL")
    assert client.ok("UID FETCH $ UID") == [b"* 1 FETCH (UID 2)", b"* 4 FETCH (UID 5)"]
    assert client.ok("COPY $ Sent") == []
    assert client.ok("SORT RETURN (SAVE MIN) (REVERSE ARRIVAL SUBJECT) UTF-8 ALL")[0].endswith(b" MIN 4")
    assert client.ok("FETCH $ UID") == [b"* 4 FETCH (UID 5)"]
    client.ok("SELECT INBOX")
    assert client.ok("FETCH $ UID") == []
