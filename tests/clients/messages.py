"""The message that clients are given: small, and made of what transports like to spoil."""

from __future__ import annotations

import itertools

__all__ = ["message"]

_numbers = itertools.count(1)


def message(sender: str, recipient: str) -> bytes:
    """Return a new message in its canonical form (CRLF), unlike any other in this run.

    Lines of dots (RFC 5321 4.5.2), eight-bit text, trailing blanks, a ``From `` line, an empty line at the end of the
    body and a line of 900 octets: each is lost by some known bug.
    """
    number = next(_numbers)
    lines = (
        f"Message-ID: <{number}@lab.test>",
        f"From: Sender <{sender}>",
        f"To: Reader <{recipient}>",
        f"Subject: Known good, number {number}",
        "Date: Mon, 5 Jan 2026 10:00:00 +0100",
        "X-Folded: one",
        "\ttwo",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "Grüße aus dem Labor",
        "From here on it gets harder:",
        ".",
        "..",
        ".hidden",
        "trailing blanks  ",
        "x" * 900,
        "",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()
