"""ESEARCH (RFC 4731): ``SEARCH RETURN (MIN MAX ALL COUNT)``; the search commands ask ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="ESEARCH", reference="RFC 4731", capabilities=("ESEARCH",))
