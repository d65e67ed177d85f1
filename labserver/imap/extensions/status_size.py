"""STATUS=SIZE (RFC 8438): how many octets a mailbox holds."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="STATUS=SIZE",
    reference="RFC 8438",
    capabilities=("STATUS=SIZE",),
    status_items={b"SIZE": lambda mailbox: mailbox.size},
)
