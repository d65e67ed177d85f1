"""A part of a message by its place in the octets, and what can be asked of it (RFC 3501 6.4.5).

A part never copies anything: it is three offsets into the message's content. ``start`` is where its header begins,
``body`` where its body begins, ``end`` where it ends; the line ending in front of a boundary belongs to the boundary
(RFC 2046 5.1.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.message.content_fields import ContentType, content_type, one_token
from labserver.message.header import Header
from labserver.message.transfer import decode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

__all__ = ["Part"]

_TEXT = ContentType(b"text", b"plain", ())
_MESSAGE = ContentType(b"message", b"rfc822", ())
_FIELDS = "HEADER.FIELDS"


class Part:
    """A message, a body part of a multipart, or the message inside a message/rfc822 part."""

    __slots__ = (
        "_children",
        "_encoding",
        "_header",
        "_is_mime",
        "_type",
        "body",
        "content",
        "end",
        "in_digest",
        "is_body_part",
        "start",
    )

    def __init__(self, content: bytes, start: int, body: int, *, is_body_part: bool, in_digest: bool = False) -> None:
        self.content = content
        self.start = start
        self.body = body
        self.end = len(content)
        self.is_body_part = is_body_part
        """It stands in a multipart: its Content fields count even without a MIME-Version."""
        self.in_digest = in_digest
        self._children: list[Part] = []
        self._header: Header | None = None
        self._type: ContentType | None = None
        self._encoding: bytes | None = None
        self._is_mime: bool | None = None

    @property
    def children(self) -> list[Part]:
        """The body parts of a multipart, or the one message of a message/rfc822."""
        return self._children

    @property
    def header(self) -> Header:
        """The part's header."""
        if self._header is None:
            self._header = Header(self.content, self.start, self.body)
        return self._header

    @property
    def is_mime(self) -> bool:
        """Its Content fields mean something (RFC 2045 4; Content-Type alone is enough in practice)."""
        if self._is_mime is None:
            first = self.header.first
            self._is_mime = (
                self.is_body_part or first(b"mime-version") is not None or first(b"content-type") is not None
            )
        return self._is_mime

    @property
    def content_type(self) -> ContentType:
        """The media type, or the default in its place (RFC 2045 5.2, RFC 2046 5.1.5)."""
        if self._type is None:
            self._type = self._read_content_type()
        return self._type

    def leave_unopened(self) -> None:
        """Make it a single part of unknown type: it lies too deep for its own parts to be looked for."""
        self._type = ContentType(b"application", b"octet-stream", self.content_type.parameters)
        self._encoding = None

    def _read_content_type(self) -> ContentType:
        value = self.header.first(b"content-type")
        found = content_type(value) if value is not None else None
        if found is not None:
            return found
        return _MESSAGE if self.in_digest and value is None else _TEXT

    @property
    def is_multipart(self) -> bool:
        """It is a multipart of any kind."""
        return self.content_type.type.lower() == b"multipart"

    @property
    def is_message(self) -> bool:
        """It is a message/rfc822; message/global is none to IMAP4rev1 clients (RFC 3501 9, ``media-message``)."""
        kind = self.content_type
        return kind.type.lower() == b"message" and kind.essence == b"message/rfc822"

    @property
    def encoding(self) -> bytes:
        """The Content-Transfer-Encoding in lower case; composite parts have none (RFC 2045 6.4)."""
        if self._encoding is None:
            composite = self.is_multipart or self.is_message
            self._encoding = b"7bit" if composite else (self.encoding_field or b"7bit").lower()
        return self._encoding

    @property
    def encoding_field(self) -> bytes | None:
        """The Content-Transfer-Encoding as the sender spelled it; None without one that is one token."""
        value = self.header.first(b"content-transfer-encoding") if self.is_mime else None
        return one_token(value) if value is not None else None

    @property
    def size(self) -> int:
        """Octets of the body."""
        return self.end - self.body

    @property
    def lines(self) -> int:
        """Line endings in the body (RFC 3501 9, ``body-fld-lines``)."""
        return self.content.count(b"\n", self.body, self.end)

    def body_octets(self) -> bytes:
        """Return the body as it came."""
        return self.content[self.body : self.end]

    def decoded(self) -> bytes | None:
        """Return the body with its transfer encoding undone; None when the encoding is unknown."""
        return decode(self.encoding, self.body_octets())

    def walk(self) -> Iterator[Part]:
        """Yield this part and everything in it, in the order of the octets."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting += reversed(part.children)

    def part(self, path: Sequence[int]) -> Part | None:
        """Return the part a section's numbers name (RFC 3501 6.4.5); None when there is none.

        Every message has a part 1: a message that is no multipart is its own.
        """
        found, whole = self, True
        for number in path:
            if found.is_message and not whole and found.children:
                found, whole = found.children[0], True
            if found.is_multipart:
                if not 1 <= number <= len(found.children):
                    return None
                found = found.children[number - 1]
            elif not whole or number != 1:
                return None
            whole = False
        return found

    def section(self, path: Sequence[int], what: str = "", fields: Collection[bytes] = ()) -> bytes | None:
        """Return the octets of a BODY section; None when there is no such part.

        ``what`` is empty, HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME; ``fields`` are names in lower case.
        """
        place = self.place(path, what)
        if place is None:
            return None
        if what.startswith(_FIELDS):
            return Header(self.content, *place).selection(fields, excluding=what != _FIELDS)
        return self.content[place[0] : place[1]]

    def place(self, path: Sequence[int], what: str = "") -> tuple[int, int] | None:
        """Return where the octets of a BODY section are; for HEADER.FIELDS where the header is of which they are."""
        part = self.part(path)
        if part is not None and what not in {"", "MIME"} and path:
            part = part.children[0] if part.is_message and part.children else None
        if part is None:
            return None
        if what == "TEXT" or (path and not what):
            return part.body, part.end
        return (part.start, part.body) if what else (part.start, part.end)
