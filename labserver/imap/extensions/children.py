"""CHILDREN (RFC 3348): LIST tells which names have others below them; the command asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="CHILDREN", reference="RFC 3348", capabilities=("CHILDREN",))
