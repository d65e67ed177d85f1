"""The client's command line with ``{host}``, ``{port}`` … in it, filled in for each case.

``{{`` and ``}}`` stand for the braces themselves. What is not a placeholder is refused before anything runs: a
misspelt one would be handed to the client as it is, and every verdict would be about that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PLACEHOLDERS", "fill", "parse"]

PLACEHOLDERS: dict[str, str] = {
    "host": "the server's name, which its certificate is for where it is a good one",
    "port": "its port",
    "ca": "the PEM file with what the client is to trust",
    "user": "the account's name",
    "password": "its password, made up for this run",
    "security": "starttls or tls",
    "address": "the account's mail address",
    "url": "scheme, name and port: imaps://good.lab.test:4711",
}
"""What can be filled in, and what it is."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def parse(words: Sequence[str]) -> tuple[str, ...]:
    """Return the command line if all of its placeholders exist; raises ConfigurationError."""
    for word in words:
        for token in _TOKEN.finditer(word):
            name = token.group(1)
            if token.group() in ("{", "}") or (name is not None and name not in PLACEHOLDERS):
                known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                near = did_you_mean(name, PLACEHOLDERS) if name else ""
                raise ConfigurationError(
                    f"{token.group()} in {word!r} is no placeholder{near or ';'} there are {known}, "
                    "and {{ and }} stand for the braces themselves"
                )
    return tuple(words)


def fill(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the command line for one case; ``values`` has every placeholder."""
    return [
        _TOKEN.sub(lambda token: values[token.group(1)] if token.group(1) else token.group()[0], word) for word in words
    ]
