"""The names of the TLS engines, for recipes and for those who serve them; apart, so that a start reads no more."""

from __future__ import annotations

__all__ = ["ENGINES"]

ENGINES = ("stdlib", "openssl", "tlslite")
"""TLS engines by which a chain may be served, simplest first (:data:`labserver.tls.engine.EngineName`)."""
