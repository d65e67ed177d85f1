"""Octets into text and back, for searching and sorting: any charset a mail may name, never an exception.

Only character encodings from Python's own static list are used. A name from a mail is never given to the import system,
and transformations that call themselves codecs (bzip2, punycode …) are no charsets.
"""

from __future__ import annotations

import codecs
import re
import sys
import unicodedata
from encodings.aliases import aliases
from typing import Protocol

__all__ = ["Folding", "TextDecoder", "codec", "decode", "fold", "text_decoder", "titlecased"]

_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")
_NO_CHARSETS = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
)
_CODECS = frozenset(aliases.values()) - _NO_CHARSETS
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "latin_1": "cp1252"}
"""What senders really use under these names (as browsers do, WHATWG Encoding 4.2)."""
_WITHOUT_MARK = {name: f"{name}_{'le' if sys.byteorder == 'little' else 'be'}" for name in ("utf_16", "utf_32")}
"""What they are without a byte order mark, which only Python's incremental decoders insist on."""
_LONGEST_NAME = 40
_CHUNK = 1024
_MOST_MARKS = 64
"""Combining marks on one character that are kept together."""
_LONGEST_LINE = 1 << 14
"""Octets of a line in UTF-7 that are awaited before some of it is decoded."""


def codec(charset: str) -> str | None:
    """Return the name of Python's codec for a MIME charset, None for an unknown one."""
    name = _NOT_IN_NAME.sub("_", charset[:_LONGEST_NAME].lower()).strip("_")
    name = aliases.get(name, name)
    return name if name in _CODECS else None


def decode(octets: bytes, charset: str | None = None) -> str:
    """Return octets as text. Without a (known) charset they are UTF-8 if they can be, else Latin-1."""
    name = codec(charset) if charset else None
    if name is not None and name != "ascii":
        try:
            return octets.decode(_SUPERSETS.get(name, name), "replace")
        except UnicodeError:
            return octets.decode("latin-1")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


class TextDecoder(Protocol):
    """Decodes text that comes in pieces; never raises."""

    def feed(self, octets: bytes) -> str:
        """Return what can be decoded now."""

    def finish(self) -> str:
        """Return the rest."""


def text_decoder(charset: str | None) -> TextDecoder:
    """Return what decodes octets in this charset as :func:`decode` does; in Latin-1 when it is not known."""
    name = codec(charset) if charset else None
    if name is None:
        return _Incremental("latin-1")
    return _Lines(name) if name == "utf_7" else _Incremental(_SUPERSETS.get(name, name))


class _Incremental:
    def __init__(self, name: str) -> None:
        self._decoder = codecs.getincrementaldecoder(name)("replace")
        self._otherwise = _WITHOUT_MARK.get(name, "latin-1")

    def feed(self, octets: bytes) -> str:
        return self._decoded(octets, final=False)

    def finish(self) -> str:
        return self._decoded(b"", final=True)

    def _decoded(self, octets: bytes, *, final: bool) -> str:
        try:
            return self._decoder.decode(octets, final)
        except UnicodeError:
            held, _ = self._decoder.getstate()
            self._decoder = codecs.getincrementaldecoder(self._otherwise)("replace")
            return self._decoder.decode(held + octets, final)


class _Lines:
    """Decodes line by line, for a codec that otherwise waits for the end of a shift sequence, however far it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = b""

    def feed(self, octets: bytes) -> str:
        octets = self._held + octets
        cut = octets.rfind(b"\n") + 1
        if not cut and len(octets) > _LONGEST_LINE:
            cut = len(octets)
        self._held = octets[cut:]
        return octets[:cut].decode(self._name, "replace")

    def finish(self) -> str:
        held, self._held = self._held, b""
        return held.decode(self._name, "replace")


class _Titlecase(dict[int, int]):
    """Each character's *simple* titlecase mapping (RFC 5051 2), found when it is first met."""

    def __missing__(self, code: int) -> int:
        mapped = chr(code).title()
        # Where Unicode has a full mapping only, as for the German sharp s, the simple one is the character itself.
        code_point = self[code] = ord(mapped) if len(mapped) == 1 else code
        return code_point


_TITLECASE = _Titlecase()


def titlecased(text: str) -> str:
    """Return text in the form by which it is sorted: ``i;unicode-casemap`` (RFC 5051, RFC 5256 2).

    Letters are upper-case in it, so that what stands between the cases in ASCII, ``^`` and ``_``, comes after them.
    """
    if text.isascii():
        return text.upper()
    return _decomposed(text.translate(_TITLECASE))


def fold(text: str) -> str:
    """Return text in the form in which it is compared: without case, decomposed (RFC 5051, RFC 5255 4.4)."""
    if text.isascii():
        return text.lower()
    if len(text) <= _CHUNK:
        return unicodedata.normalize("NFKD", text.casefold())
    folding = Folding()
    return folding.feed(text) + folding.finish()


class Folding:
    """Folds text that comes in pieces.

    It is decomposed a stretch at a time, because reordering combining marks takes quadratic time. A stretch ends in
    front of a character that begins a new one, so that no mark is parted from what it stands on.
    """

    def __init__(self) -> None:
        self._held = ""
        """What may have to wait for marks, without case."""

    def feed(self, text: str) -> str:
        """Return what is certain now."""
        if not self._held and text.isascii():
            self._held = text[-1:].lower()
            return text[:-1].lower()
        text = self._held + text.casefold()
        cut = _cut(text, len(text))
        self._held = text[cut:]
        return _decomposed(text[:cut])

    def finish(self) -> str:
        """Return the rest."""
        held, self._held = self._held, ""
        return _decomposed(held)


def _decomposed(text: str) -> str:
    if text.isascii():
        return text
    pieces = []
    start = 0
    while len(text) - start > _CHUNK:
        cut = _cut(text, start + _CHUNK)
        pieces.append(text[start:cut])
        start = cut
    pieces.append(text[start:])
    return "".join([unicodedata.normalize("NFKD", piece) for piece in pieces])


def _cut(text: str, end: int) -> int:
    """Return where the last character before ``end`` begins that is no mark; ``end`` itself where marks have no end."""
    for position in range(end - 1, max(0, end - _MOST_MARKS) - 1, -1):
        if text[position] < "\u0300" or not unicodedata.combining(unicodedata.normalize("NFKD", text[position])[0]):
            return position
    return end
