"""HTTP on a mail port: a browser that some page has sent there, with commands in the body of its request.

Browsers do not refuse to speak to the lab's ports. A session that takes a request's lines for unknown commands comes,
line by line, to the body, which the page has written; so it ends with the first of them, as Postfix's does
(``smtpd_forbidden_commands``). Only what is no command of the protocol is looked at: IMAP's tags are the client's.
"""

from __future__ import annotations

import re

__all__ = ["http_word"]

_REQUEST = re.compile(
    rb"\s*(?:"
    rb"(?P<method>CONNECT|GET|HEAD|OPTIONS|PATCH|POST|PRI|PUT|TRACE)(?!\S)"
    rb"|(?P<delete>DELETE)[ \t]+(?:/|\*|https?:)"  # a person at POP3's DELE may well type this word
    rb"|[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]+\S+[ \t]+HTTP/\d"
    rb"|(?:Host|Connection|Cookie|Origin|Referer|Sec-[A-Z-]+):"  # and none that mail has as well
    rb")",
    re.IGNORECASE,
)
"""A request line (RFC 9112 3) of a method that browsers have, or of any other, or a field that follows it."""


def http_word(line: bytes) -> str:
    """Return the method of a line that begins an HTTP request, ``HTTP`` if it is no common one; nothing for others."""
    request = _REQUEST.match(line)
    if request is None:
        return ""
    word = request["method"] or request["delete"] or b"HTTP"
    return word.decode().upper()
