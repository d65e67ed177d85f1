"""Octets into text and back, for searching and sorting: any charset a mail may name, never an exception.

Only character encodings from Python's own static list are used. A name from a mail is never given to the import system,
and transformations that call themselves codecs (bzip2, punycode …) are no charsets.
"""

from __future__ import annotations

import re
import unicodedata
from encodings.aliases import aliases

__all__ = ["codec", "decode", "fold"]

_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")
_NO_CHARSETS = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
)
_CODECS = frozenset(aliases.values()) - _NO_CHARSETS
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "latin_1": "cp1252"}
"""What senders really use under these names (as browsers do, WHATWG Encoding 4.2)."""
_LONGEST_NAME = 40
_CHUNK = 1024


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


def fold(text: str) -> str:
    """Return text in the form in which it is compared: without case, decomposed (RFC 5051, RFC 5255 4.4).

    Long texts are decomposed piecewise, because reordering combining marks takes quadratic time.
    """
    if text.isascii():
        return text.lower()
    text = text.casefold()
    if len(text) <= _CHUNK:
        return unicodedata.normalize("NFKD", text)
    pieces = (text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK))
    return "".join([unicodedata.normalize("NFKD", piece) for piece in pieces])
