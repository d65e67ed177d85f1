"""The client's command line with ``{host}``, ``{port}`` … in it, filled in for each case; and files with the same.

On the command line ``{{`` and ``}}`` stand for the braces themselves, and what is not a placeholder is refused before
anything runs: a misspelt one would be handed to the client as it is, and every verdict would be about that. In files
only known names are replaced, because their formats have braces of their own.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["PLACEHOLDERS", "fill", "fill_file", "parse", "used"]

PLACEHOLDERS: dict[str, str] = {
    "host": "the server's name, which its certificate is for where it is a good one",
    "port": "its port",
    "ca": "the PEM file with what the client is to trust",
    "p12": "the same as a Java trust store (PKCS #12), password changeit",
    "user": "the account's name",
    "password": "its password, made up for this run",
    "address": "the account's mail address",
    "url": "scheme, name and port: imaps://good.lab.test:4711",
    "security": "starttls, tls, or none under the policy plaintext",
    "protocol": "smtp, imap or pop3",
    "service": "the service by its IANA name: submission, imaps",
    "scenario": "the scenario's id: expired",
    "case": "both: expired@imaps",
    "dir": "an empty folder of this run's own, removed after it",
    "mail": "a file with a message from and to the account, with CRLF, to be sent",
}
"""What can be filled in, and what it is; besides, ``{file:NAME}`` is a file of ``--file``."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def parse(words: Sequence[str], files: Collection[str] = ()) -> tuple[str, ...]:
    """Return the command line; ``files`` are the names that ``{file:NAME}`` may have.

    Raises ConfigurationError for a placeholder that does not exist.
    """
    known = [*PLACEHOLDERS, *(f"file:{name}" for name in files)]
    for word in words:
        for token in _TOKEN.finditer(word):
            name = token.group(1)
            if token.group() in ("{", "}") or (name is not None and name not in known):
                if name and name.startswith("file:"):
                    raise ConfigurationError(
                        f"{token.group()} in {word!r}: there is no such file; add --file {name[5:] or 'NAME'}=PATH"
                    )
                listed = ", ".join(f"{{{one}}}" for one in known)
                near = did_you_mean(name, known) if name else ""
                raise ConfigurationError(
                    f"{token.group()} in {word!r} is no placeholder{near or ';'} there are {listed}, "
                    "and {{ and }} stand for the braces themselves"
                )
    return tuple(words)


def used(words: Iterable[str]) -> set[str]:
    """Return the names of the placeholders in a command line."""
    return {name for word in words for token in _TOKEN.finditer(word) if (name := token.group(1))}


def fill(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the command line for one case; ``values`` has every placeholder."""
    return [
        _TOKEN.sub(lambda token: values[token.group(1)] if token.group(1) else token.group()[0], word) for word in words
    ]


def fill_file(content: bytes, values: Mapping[str, str]) -> bytes:
    """Return a file for one case: each ``{name}`` of ``values`` is replaced, and everything else stays as it is."""
    names = "|".join(re.escape(name) for name in values)
    known = re.compile(rf"\{{({names})\}}".encode())
    return known.sub(lambda token: os.fsencode(values[os.fsdecode(token.group(1))]), content)
