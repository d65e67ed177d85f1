"""Alerts that cross the network in clear: what a client says before there are keys (RFC 8446 6).

OpenSSL names every alert that it reads, but it does not read one whose record has another version than its own: exactly
the one in which a modern client refuses an old server.
"""

from __future__ import annotations

__all__ = ["ALERTS", "alert_in_clear"]

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
"""The IANA names by number."""

_ALERT = 21
_MAJOR = 3
_SIZE = 7


def alert_in_clear(data: bytes) -> str:
    """Return the name of the alert that a segment begins with, an empty string if it begins with none.

    An encrypted alert is longer than its two octets and never taken for one.
    """
    if len(data) < _SIZE or data[0] != _ALERT or data[1] != _MAJOR or data[3:5] != b"\0\2":
        return ""
    return ALERTS.get(data[6], "")
