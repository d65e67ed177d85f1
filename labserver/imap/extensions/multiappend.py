"""MULTIAPPEND (RFC 3502): several messages in one APPEND; the command asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="MULTIAPPEND", reference="RFC 3502", capabilities=("MULTIAPPEND",))
