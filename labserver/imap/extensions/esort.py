"""ESORT (RFC 5267 3): ``SORT RETURN (…)``, answered by ESEARCH; SORT's grammar asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="ESORT", reference="RFC 5267", capabilities=("ESORT",), needs=frozenset({"SORT", "ESEARCH"}))
