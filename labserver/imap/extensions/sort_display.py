"""SORT=DISPLAY (RFC 5957): sort by the names people see; SORT's grammar asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="SORT=DISPLAY", reference="RFC 5957", capabilities=("SORT=DISPLAY",), needs=frozenset({"SORT"})
)
