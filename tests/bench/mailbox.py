"""A mailbox of made-up but ordinary messages of about 2 KB, as a Maildir that the lab and Dovecot both read."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOUND", "fill"]

FOUND = "quince"
"""A word in every hundredth subject, for searches."""
_WORDS = (
    *(
        "all",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "could",
        "each",
        "first",
        "for",
        "from",
        "had",
        "have",
    ),
    *("her", "him", "if", "in", "into", "is", "it", "like", "made", "make", "many", "more", "not", "now", "of", "on"),
    *("other", "out", "over", "people", "said", "see", "she", "some", "than", "the", "their", "there", "time", "what"),
)
_NAMES = ("Ada Lovelace", "Grace Hopper", "Alan Turing", '"Hamilton, Margaret"', "=?utf-8?q?J=C3=BCrgen?=")
_EPOCH = 1_700_000_000


def fill(maildir: Path, messages: int) -> None:
    """Write so many messages, the same every time."""
    for part in ("cur", "new", "tmp"):
        (maildir / part).mkdir(parents=True)
    chance = random.Random(1729)  # noqa: S311 -- repeatable is what it has to be
    for number in range(1, messages + 1):
        content = _message(number, chance)
        name = f"{_EPOCH + number}.M{number}P1.bench,S={len(content)},W={len(content)}:2,{'S' if number % 3 else ''}"
        (maildir / "cur" / name).write_bytes(content)


def _message(number: int, chance: random.Random) -> bytes:
    sender, recipient = chance.choice(_NAMES), chance.choice(_NAMES)
    word = FOUND if number % 100 == 0 else chance.choice(_WORDS)
    header = [
        f"Return-Path: <sender{number % 50}@example.org>",
        f"Received: from mx{number % 9}.example.net (mx.example.net [192.0.2.{number % 250}])",
        f"\tby mail.lab.test (Postfix) with ESMTPS id {chance.getrandbits(40):X}",
        "\tfor <alice@lab.test>; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)",
        f"Received: by mx{number % 9}.example.net (Postfix, from userid 1000)",
        f"\tid {chance.getrandbits(40):X}; Tue, 14 Nov 2023 22:13:19 +0000 (UTC)",
        f"From: {sender} <sender{number % 50}@example.org>",
        f"To: {recipient} <alice@lab.test>, Bob <bob@lab.test>",
        f"Cc: list{number % 7}@lists.example.org",
        f"Subject: Re: {word} {chance.choice(_WORDS)} {number}",
        f"Date: Tue, {number % 28 + 1:02} Nov 2023 {number % 24:02}:{number % 60:02}:20 +0100",
        f"Message-ID: <{number}.{chance.getrandbits(64):x}@example.org>",
        f"In-Reply-To: <{max(1, number - 7)}.0@example.org>",
        "User-Agent: bench",
        "MIME-Version: 1.0",
    ]
    text = _text(chance, 14 if number % 3 == 0 else 20)
    if number % 3:
        header += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", ""]
        return "\r\n".join([*header, text]).encode()
    boundary = f"=_{chance.getrandbits(64):x}"
    header += [f'Content-Type: multipart/alternative; boundary="{boundary}"', ""]
    plain = [f"--{boundary}", "Content-Type: text/plain; charset=us-ascii", "", text]
    html = [f"--{boundary}", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: 8bit", ""]
    html += [f"<p>{text[:300]}</p>", f"--{boundary}--", ""]
    return "\r\n".join([*header, *plain, *html]).encode()


def _text(chance: random.Random, lines: int) -> str:
    return "".join(f"{' '.join(chance.choices(_WORDS, k=12))}\r\n" for _ in range(lines))
