"""What data cannot say of a certificate: named corruptions, each a small function from DER to other octets."""

__all__: list[str] = []
