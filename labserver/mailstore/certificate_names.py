"""The names in a client certificate that can mean a user: e-mail addresses first, then the common name."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

__all__ = ["certificate_names"]

_SMTP_UTF8_MAILBOX = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")
"""RFC 9598's otherName, a UTF8String."""
_UTF8_STRING = 0x0C
_SHORT_FORM = 0x80


def certificate_names(der: bytes) -> list[str]:
    """Return them in order of preference; none when ``der`` is no certificate or its names cannot be read.

    RFC 5280 4.2.1.6 (rfc822Name), RFC 9598 (SmtpUTF8Mailbox), RFC 5280 4.1.2.6 (emailAddress), CN.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _alternative_names(certificate)
        for oid in (NameOID.EMAIL_ADDRESS, NameOID.COMMON_NAME):
            names += [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]
    except ValueError:
        return []
    return names


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names = extension.get_values_for_type(x509.RFC822Name)
    others = extension.get_values_for_type(x509.OtherName)
    return names + [_utf8_string(other.value) for other in others if other.type_id == _SMTP_UTF8_MAILBOX]


def _utf8_string(der: bytes) -> str:
    """Return the text of a DER UTF8String of fewer than 128 octets; ValueError for anything else."""
    if len(der) < 2 or der[0] != _UTF8_STRING or der[1] >= _SHORT_FORM or der[1] != len(der) - 2:  # noqa: PLR2004 -- tag and length
        raise ValueError("not a short UTF8String")
    return der[2:].decode()
