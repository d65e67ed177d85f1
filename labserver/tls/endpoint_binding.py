"""``tls-server-end-point``: the hash of the server's certificate (RFC 5929 4.1), the same for every engine."""

from __future__ import annotations

import warnings

__all__ = ["server_end_point"]


def server_end_point(certificate_chain: bytes) -> bytes | None:
    """Return the binding for a PEM chain: its leaf, hashed as it was signed (SHA-256 instead of MD5 and SHA-1).

    A leaf has none if nobody can tell how it was signed, since it is malformed or the algorithm is unknown.
    """
    from cryptography import x509  # noqa: PLC0415 -- imported at the first use of channel binding
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- the same
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 -- the same

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a scenario gets wrong on purpose
            leaf = x509.load_pem_x509_certificates(certificate_chain)[0]
        algorithm = leaf.signature_hash_algorithm
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
        return None
    if algorithm is None or algorithm.name in {"md5", "sha1"}:
        algorithm = hashes.SHA256()
    return leaf.fingerprint(algorithm)
