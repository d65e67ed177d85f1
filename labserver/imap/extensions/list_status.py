"""LIST-STATUS (RFC 5819): ``LIST … RETURN (STATUS (…))``; LIST-EXTENDED's grammar asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="LIST-STATUS", reference="RFC 5819", capabilities=("LIST-STATUS",), needs=frozenset({"LIST-EXTENDED"})
)
