"""SASL-IR (RFC 4959): AUTHENTICATE with an initial response. Reading it is the business of who authenticates."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="SASL-IR", reference="RFC 4959", capabilities=("SASL-IR",), before_login=True)
