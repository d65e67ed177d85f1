"""LITERAL+ (RFC 7888): literals that are not waited for. Reading them is the framing's business."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="LITERAL+", reference="RFC 7888", capabilities=("LITERAL+",), before_login=True)
