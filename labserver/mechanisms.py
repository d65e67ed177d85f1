"""SASL mechanisms by name, as IANA lists them and as mail clients call them besides.

The lab speaks a few of them (:mod:`labserver.sasl`). The others are here because a transcript shows a mechanism that a
client asks for only where the word is one: anything else in its place may be a password.
"""

from __future__ import annotations

__all__ = ["SASL_MECHANISMS", "known_mechanism"]

SASL_MECHANISMS = frozenset(
    """
    9798-M-DSA-SHA1 9798-M-ECDSA-SHA1 9798-M-RSA-SHA1-ENC 9798-U-DSA-SHA1 9798-U-ECDSA-SHA1 9798-U-RSA-SHA1-ENC
    ANONYMOUS CRAM-MD5 CRAM-SHA1 CRAM-SHA256 DIGEST-MD5 DIGEST-SHA256 EAP-AES128 EAP-AES128-PLUS ECDH-X25519-CHALLENGE
    ECDSA-NIST256P-CHALLENGE EXTERNAL GS2-KRB5 GS2-KRB5-PLUS GSS-SPNEGO GSSAPI HT-SHA-256-ENDP HT-SHA-256-EXPR
    HT-SHA-256-NONE HT-SHA-256-UNIQ KERBEROS_V4 KERBEROS_V5 LOGIN MSN NMAS-SAMBA-AUTH NMAS_AUTHEN NMAS_LOGIN NTLM
    OAUTH10A OAUTHBEARER OPENID20 OTP PLAIN PLAIN-CLIENTTOKEN SAML20 SAML20EC SCRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS
    SCRAM-SHA-224 SCRAM-SHA-224-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-384 SCRAM-SHA-384-PLUS SCRAM-SHA-512
    SCRAM-SHA-512-PLUS SCRAM-SHA3-512 SCRAM-SHA3-512-PLUS SECURID SKEY SPNEGO SPNEGO-PLUS SXOVER-PLUS XOAUTH XOAUTH2
    XYMCOOKIE XYMCOOKIEB64
    """.split()  # noqa: SIM905 -- a list of words is read more easily without its quotes
)
"""In upper case."""


def known_mechanism(name: str) -> str:
    """Return ``name`` in upper case if there is such a mechanism, else nothing."""
    upper = name.upper()
    return upper if upper in SASL_MECHANISMS else ""
