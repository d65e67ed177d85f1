"""WITHIN (RFC 5032): the search keys OLDER and YOUNGER; the search grammar asks for the extension."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="WITHIN", reference="RFC 5032", capabilities=("WITHIN",))
