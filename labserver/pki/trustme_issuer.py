"""``--issuer trustme``: an independent second issuer, so that our own CA never judges itself alone.

Its chains are good but differ from ours wherever they may: no intermediate, no name constraints, a critical subject
alternative name beside a subject. Its keys are random, so it cannot be seeded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from trustme import CA

from labserver.errors import ConfigurationError
from labserver.pki.chain import Chain
from labserver.pki.profile import BACKDATE, HOSTS, LEAF_LIFETIME, ORGANIZATION, client_profile, server_profile

if TYPE_CHECKING:
    from trustme import LeafCert

    from labserver.clock import Clock

__all__ = ["TrustmeIssuer"]


class TrustmeIssuer:
    """A trustme CA (an :class:`labserver.pki.chain.Issuer`)."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._authority = CA(organization_name=ORGANIZATION)

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """The CA certificate."""
        return (_der(self._authority.cert_pem.bytes()),)

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """The CA certificate: it issues by itself."""
        return self.anchors

    def issue_server(self, host: str, names: tuple[str, ...] = HOSTS) -> Chain:
        """Return a server's chain; a common name has to be asked for, and fetchmail wants one."""
        profile = server_profile(host, names)
        return self._issue((*profile.names, *profile.addresses), profile.common_name)

    def issue_client(self, account: str) -> Chain:
        """Return a client's chain for SASL EXTERNAL."""
        profile = client_profile(account)
        return self._issue(profile.mailboxes, profile.common_name)

    def _issue(self, identities: tuple[str, ...], common_name: str) -> Chain:
        start = self._clock.now() - BACKDATE
        try:
            issued = self._authority.issue_cert(
                *identities,
                common_name=common_name,
                organization_name=ORGANIZATION,
                not_before=start,
                not_after=start + LEAF_LIFETIME,
            )
        except ValueError as error:
            raise ConfigurationError(f"trustme refuses one of the names {', '.join(identities)}: {error}") from error
        return self._chain(issued)

    def _chain(self, issued: LeafCert) -> Chain:
        leaf, *intermediates = (_der(blob.bytes()) for blob in issued.cert_chain_pems)
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        return Chain(
            leaf=leaf,
            intermediates=tuple(intermediates),
            key=key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            anchors=self.anchors,
        )


def _der(certificate_pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(certificate_pem).public_bytes(serialization.Encoding.DER)
