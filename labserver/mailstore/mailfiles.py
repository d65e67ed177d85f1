"""Messages as other programs keep them in files: single messages, mbox, Maildir.

Stored mail has CRLF line ends and files on this kind of system mostly have LF, so every bare LF becomes CRLF, unless
the operator wants to keep it. All other octets stay as they are, with two exceptions: mbox quotes body lines that look
like its separator, and one ``>`` is taken away from them again (mboxrd; the older mboxo quotes a subset of the same
lines); and a byte order mark that an editor put before the first line is dropped.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from labserver.mailstore.message import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["is_mbox", "maildir_folder", "read_maildir", "read_mbox", "read_message"]

_BARE_LF = re.compile(rb"(?<!\r)\n")
_HEADER_END = re.compile(rb"\r\n\r\n|\Z")
_QUOTED_FROM = re.compile(rb">+From ")
_SEPARATOR = b"From "
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"\d{1,2}:\d\d(?::\d\d)?"
_ZONE = rb"(?: +[A-Z+-][A-Za-z0-9]{1,4})?"
_DATED_SEPARATOR = re.compile(
    rb'From (?:"[^"\r\n]*"[^\s]*|[^\s]*)[ \t]+(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:'
    rb" +%b +\d{1,2} +%b%b +\d{4}%b|, +\d{1,2} %b \d{4} %b%b)\s*" % (_MONTH, _TIME, _ZONE, _ZONE, _MONTH, _TIME, _ZONE)
)
"""A separator that is one wherever it stands: programs that forget the empty line before it do write a date in it."""
_BLANK = ([b"\n"], [b"\r\n"])
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAILDIR_FLAGS = {
    "S": "\\Seen",
    "R": "\\Answered",
    "F": "\\Flagged",
    "T": "\\Deleted",
    "D": "\\Draft",
    "P": "$Forwarded",
}
"""What follows ``:2,`` in a Maildir file name."""
_STATUS_FLAGS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}
"""What mbox readers write into Status and X-Status headers."""
_SHIFTED = re.compile(r"&([^-]*)-")


def read_message(path: Path, *, keep_line_ends: bool = False) -> Draft:
    """Return the message a file holds, dated by its Date header, else by the file. OSError when it cannot be read."""
    octets = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    content = _crlf(octets)
    date = _header_date(content) or _file_date(path)
    return Draft(content=octets if keep_line_ends else content, internal_date=date)


def is_mbox(path: Path) -> bool:
    """Return whether the file begins as an mbox does. OSError when it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(_BYTE_ORDER_MARK) + len(_SEPARATOR)).removeprefix(_BYTE_ORDER_MARK).startswith(_SEPARATOR)


def read_mbox(path: Path, *, keep_line_ends: bool = False) -> Iterator[Draft]:
    """Yield an mbox's messages, dated by their separator lines, flagged by Status headers. OSError as above."""
    with path.open("rb") as file:
        for separator, lines in _mbox_parts(file):
            octets = b"".join(lines)
            content = _crlf(octets)
            date = _separator_date(separator) or _header_date(content) or _file_date(path)
            kept = octets if keep_line_ends else content
            yield Draft(content=kept, flags=_status_flags(content), internal_date=date)


def _mbox_parts(lines: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield separator and lines of each message.

    A separator begins the file, follows an empty line, which is its own, or has a date.
    """
    separator: bytes | None = None
    message: list[bytes] = []
    for line in lines:
        first = separator is None
        if _separates(line.removeprefix(_BYTE_ORDER_MARK) if first else line, first=first, before=message[-1:]):
            if separator is not None:
                yield separator, _without_last_blank(message)
            separator, message = line, []
        else:
            message.append(line[1:] if _QUOTED_FROM.match(line) else line)
    if separator is not None:
        yield separator, _without_last_blank(message)


def _separates(line: bytes, *, first: bool, before: list[bytes]) -> bool:
    if not line.startswith(_SEPARATOR):
        return False
    if first or before in _BLANK:
        return True
    return _DATED_SEPARATOR.fullmatch(line) is not None and _separator_date(line) is not None


def _without_last_blank(message: list[bytes]) -> list[bytes]:
    return message[:-1] if message[-1:] in _BLANK else message


def read_maildir(files: Iterable[Path], *, keep_line_ends: bool = False) -> Iterator[Draft]:
    """Yield a Maildir's messages by the time of their files, flagged by their names. OSError as above."""
    for file in sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name)):
        info = file.name.rpartition(":2,")[2] if ":2," in file.name else ""
        flags = frozenset(_MAILDIR_FLAGS[letter] for letter in info if letter in _MAILDIR_FLAGS)
        octets = file.read_bytes().removeprefix(_BYTE_ORDER_MARK)
        content = octets if keep_line_ends else _crlf(octets)
        yield Draft(content=content, flags=flags, internal_date=_file_date(file))


def maildir_folder(directory: str) -> str:
    """Return the mailbox name of a Maildir++ folder: ``.Lists.Entw&APw-rfe`` is ``Lists/Entwürfe`` (RFC 3501 5.1.3)."""
    return "/".join(_SHIFTED.sub(_unshifted, level) for level in directory.removeprefix(".").split("."))


def _unshifted(shifted: re.Match[str]) -> str:
    encoded = shifted[1].replace(",", "/")
    if not encoded:
        return "&"
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode("utf-16-be")
    except ValueError:
        return shifted[0]  # not the encoding after all


def _crlf(content: bytes) -> bytes:
    return _BARE_LF.sub(b"\r\n", content)


def _header(content: bytes, name: bytes) -> str:
    end = _HEADER_END.search(content)
    head = content[: end.start() if end else len(content)]
    found = re.search(rb"^%b:[ \t]*([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)" % name, head, re.IGNORECASE | re.MULTILINE)
    return found[1].decode("ascii", "replace") if found else ""


def _status_flags(content: bytes) -> frozenset[str]:
    letters = _header(content, b"Status") + _header(content, b"X-Status")
    return frozenset(_STATUS_FLAGS[letter] for letter in letters if letter in _STATUS_FLAGS)


def _header_date(content: bytes) -> datetime | None:
    return _date(_header(content, b"Date"))


def _separator_date(line: bytes) -> datetime | None:
    return _date(line.decode("ascii", "replace").strip().partition(" ")[2].partition(" ")[2])


def _date(text: str) -> datetime | None:
    """Return a date in any of the forms mail has; a missing zone is UTC."""
    try:
        date = parsedate_to_datetime(text)
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        date.astimezone(UTC)  # within what a datetime can hold
    except (ValueError, TypeError, OverflowError):
        return None
    return date


def _file_date(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
