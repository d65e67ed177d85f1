"""Claims about words: each verifier's own are understood, and names in them are not taken for reasons."""

from __future__ import annotations

import pytest

from tests.verifiers.case import Answer, Outcome
from tests.verifiers.findings import Finding, finding
from tests.verifiers.table import VERIFIERS

_UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority"
_WORDS = {
    "openssl": {
        "certificate has expired": Finding.EXPIRED,
        "certificate is not yet valid": Finding.NOT_YET_VALID,
        "format error in certificate's notBefore field": Finding.MALFORMED,
        "hostname mismatch": Finding.NAME,
        "IP address mismatch": Finding.NAME,
        "self-signed certificate in certificate chain": Finding.ISSUER,
        "unable to get local issuer certificate": Finding.ISSUER,
        "certificate signature failure": Finding.SIGNATURE,
        "CA signature digest algorithm too weak": Finding.WEAK,
        "CA certificate key too weak": Finding.WEAK,
        "invalid CA certificate": Finding.CA,
        "path length constraint exceeded": Finding.PATH_LENGTH,
        "permitted subtree violation": Finding.CONSTRAINTS,
        "unsuitable certificate purpose": Finding.PURPOSE,
        "unhandled critical extension": Finding.EXTENSION,
        "068000DE:asn1 encoding routines:c2i_ibuf:illegal zero content:../crypto/asn1/a_int.c:160:": Finding.MALFORMED,
        "0A000098:SSL routines:read_state_machine:excessive message size:../ssl/statem/statem.c:593:": Finding.LIMIT,
        "0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:SSL alert number 40": Finding.UNMET,
    },
    "python": {
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid "
        "for 'mail.lab.test'. (_ssl.c:1006)": Finding.NAME,
        "[SSL] ASN1 lib (_ssl.c:1006)": Finding.MALFORMED,
    },
    "node": {
        "ERR_TLS_CERT_ALTNAME_INVALID: Hostname/IP does not match certificate's altnames": Finding.NAME,
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE: unable to verify the first certificate": Finding.ISSUER,
        "UNSPECIFIED: key usage does not include certificate signing": Finding.USAGE,
    },
    "curl": {
        "(60) SSL: no alternative certificate subject name matches target host name 'mail.lab.test'": Finding.NAME,
        "(60) SSL certificate problem: certificate has expired": Finding.EXPIRED,
        "(35) OpenSSL/3.0.22: error:1100009E:X509 V3 routines::invalid certificate": Finding.MALFORMED,
    },
    "mbsync": {
        "certificate is not yet valid": Finding.NOT_YET_VALID,
        "certificate owner does not match hostname mail.lab.test": Finding.NAME,
    },
    "gnutls": {
        "The certificate is NOT trusted. The certificate chain uses expired certificate.": Finding.EXPIRED,
        "The certificate is NOT trusted. The certificate chain uses not yet valid certificate.": Finding.NOT_YET_VALID,
        "The certificate is NOT trusted. The certificate issuer is unknown.": Finding.ISSUER,
        "The certificate is NOT trusted. The certificate issuer is not a CA.": Finding.CA,
        "The certificate is NOT trusted. The certificate chain uses insecure algorithm.": Finding.WEAK,
        "The certificate is NOT trusted. The certificate chain violates the signer's constraints.": Finding.CONSTRAINTS,
        "Key usage violation in certificate has been detected.": Finding.USAGE,
        "Duplicate extension in X.509 certificate.": Finding.MALFORMED,
        "Error in the certificate.": Finding.OTHER,
    },
    "msmtp": {
        "The certificate is NOT trusted. The certificate chain uses not yet valid certificate.": Finding.NOT_YET_VALID,
        "Some constraint limits were reached.": Finding.LIMIT,
    },
    "nss": {
        "SSL_ERROR_BAD_CERT_DOMAIN": Finding.NAME,
        "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE": Finding.EXPIRED,
        "SEC_ERROR_CERT_NOT_IN_NAME_SPACE": Finding.CONSTRAINTS,
        "SEC_ERROR_INADEQUATE_CERT_TYPE": Finding.PURPOSE,
        "SEC_ERROR_UNTRUSTED_ISSUER": Finding.ISSUER,
        "SSL_ERROR_NO_CYPHER_OVERLAP": Finding.UNMET,
        "SSL_ERROR_RX_MALFORMED_CERTIFICATE": Finding.HANDSHAKE,
    },
    "go": {
        "x509: certificate has expired or is not yet valid: current time 2026-11-24T01:06:21Z is after "
        "2026-11-23T23:59:59Z": Finding.EXPIRED,
        "x509: certificate has expired or is not yet valid: current time 2026-11-24T01:06:21Z is before "
        "2026-12-04T00:00:00Z": Finding.NOT_YET_VALID,
        _UNKNOWN_AUTHORITY: Finding.ISSUER,
        f'{_UNKNOWN_AUTHORITY} (possibly because of "x509: ECDSA verification failure")': Finding.SIGNATURE,
        f'{_UNKNOWN_AUTHORITY} (possibly because of "x509: cannot verify signature: insecure algorithm SHA1-RSA")': (
            Finding.WEAK
        ),
        "x509: too many intermediates for path length constraint": Finding.PATH_LENGTH,
        'x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "a" is excluded by '
        'constraint "a"': Finding.CONSTRAINTS,
        "tls: failed to parse certificate from server: x509: invalid basic constraints": Finding.MALFORMED,
        "remote error: tls: handshake failure": Finding.UNMET,
        "tls: certificate used with invalid signature algorithm": Finding.HANDSHAKE,
        "tls: invalid signature by the server certificate: ECDSA verification failure": Finding.SIGNATURE,
    },
    "java": {
        "validity check failed | NotAfter: Mon Nov 23 23:59:59 UTC 2026": Finding.EXPIRED,
        "validity check failed | NotBefore: Fri Dec 04 00:00:00 UTC 2026": Finding.NOT_YET_VALID,
        "No subject alternative DNS name matching mail.lab.test found.": Finding.NAME,
        "unable to find valid certification path to requested target": Finding.ISSUER,
        "basic constraints check failed: this is not a CA certificate": Finding.CA,
        "basic constraints check failed: pathLenConstraint violated - this cert must be the last cert": (
            Finding.PATH_LENGTH
        ),
        "Extended key usage does not permit use for TLS server authentication": Finding.PURPOSE,
        "Received fatal alert: handshake_failure": Finding.UNMET,
    },
    "rustls": {
        "invalid peer certificate: certificate expired: verification time 1795482386 (UNIX)": Finding.EXPIRED,
        "invalid peer certificate: UnknownIssuer": Finding.ISSUER,
        "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))": Finding.CA,
        "invalid peer certificate: Other(OtherError(NameConstraintViolation))": Finding.CONSTRAINTS,
        "received fatal alert: HandshakeFailure": Finding.UNMET,
    },
    "pyca": {
        "validation failed: cert is not valid at validation time": Finding.EXPIRED,
        "validation failed: leaf certificate has no matching subjectAltName": Finding.NAME,
        "validation failed: candidates exhausted: signature does not match": Finding.SIGNATURE,
        "validation failed: candidates exhausted: all candidates exhausted with no interior errors": Finding.ISSUER,
        "validation failed: candidates exhausted: RSA key is too weak": Finding.WEAK,
        "error parsing asn1 value: ParseError { kind: ShortData { needed: 10 } }": Finding.MALFORMED,
    },
}
"""What each has been heard to say."""


@pytest.mark.parametrize(
    ("verifier", "words", "expected"),
    [(name, words, found) for name, heard in _WORDS.items() for words, found in heard.items()],
)
def test_words(verifier: str, words: str, expected: Finding) -> None:
    """The class of a reason follows from the verifier's own words."""
    answer = Answer(case="some-case", outcome=Outcome.REJECTED, words=words)
    assert finding(answer, VERIFIERS[verifier].reasons) is expected


def test_every_verifier_was_heard() -> None:
    """There are words of every verifier."""
    assert list(_WORDS) == list(VERIFIERS)


def test_names() -> None:
    """Names in which a reason stands do not count: neither the case's host nor a CA named after the case."""
    for words in ('"expired.lab.test": cannot', 'the CA "expired issuing CA 0123abcd": cannot'):
        answer = Answer(case="expired", outcome=Outcome.REJECTED, words=words)
        assert finding(answer, [("expired", Finding.EXPIRED)]) is Finding.OTHER
        assert finding(answer, [("expired", Finding.EXPIRED), ("cannot", Finding.LIMIT)]) is Finding.LIMIT


def test_outcomes() -> None:
    """Words count only where there is a rejection."""
    reasons = [("", Finding.NAME)]
    assert finding(Answer(case="x", outcome=Outcome.ACCEPTED), reasons) is Finding.ACCEPTED
    revoked = Answer(case="revoked", outcome=Outcome.REJECTED, words="it is revoked. Otherwise")
    assert finding(revoked, [("revoked", Finding.REVOKED)]) is Finding.REVOKED
    assert finding(Answer(case="x", outcome=Outcome.UNMET, words="timed out"), reasons) is Finding.UNMET
