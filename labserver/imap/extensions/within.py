"""WITHIN (RFC 5032): the search keys OLDER and YOUNGER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.imap.cursor import BadSyntax
from labserver.imap.search_keys import Age
from labserver.imap.vocabulary import Extension

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.imap.search import KeyReader

__all__ = ["EXTENSION"]


def _age(*, younger: bool) -> Callable[[KeyReader], Age]:
    def read(reader: KeyReader) -> Age:
        seconds = reader.argument().number()
        if not seconds:
            raise BadSyntax("An interval is at least one second")
        return Age(seconds=seconds, younger=younger)

    return read


EXTENSION = Extension(
    name="WITHIN",
    reference="RFC 5032",
    capabilities=("WITHIN",),
    search_keys={b"OLDER": _age(younger=False), b"YOUNGER": _age(younger=True)},
)
