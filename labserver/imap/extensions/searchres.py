"""SEARCHRES (RFC 5182): a saved search result is a message set, ``$``; the search commands ask ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="SEARCHRES", reference="RFC 5182", capabilities=("SEARCHRES",), needs=frozenset({"ESEARCH"}))
