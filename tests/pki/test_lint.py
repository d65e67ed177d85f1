"""Claims about the leaves that clients are to accept: pkilint finds nothing in them but what is meant.

They are linted as a public CA's would be (CA/Browser Forum Baseline Requirements, RFC 5280, Microsoft's programme),
which a test lab's cannot satisfy in all things.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pkilint import finding_filter, loader  # type: ignore[import-untyped]  # it has no types
from pkilint.cabf import serverauth  # type: ignore[import-untyped]  # the same
from pkilint.cabf.serverauth.serverauth_constants import CertificateType  # type: ignore[import-untyped]  # the same
from pkilint.pkix import certificate  # type: ignore[import-untyped]  # the same
from pkilint.validation import ValidationFindingSeverity  # type: ignore[import-untyped]  # the same

from labserver.cli.chain_sources import ImaginedLab
from labserver.pki.material import Wanted
from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import Verdict
from tests.ours import CATALOGUE

_EVERYWHERE = {
    "cabf.internal_domain_name": "lab names",
    "cabf.internal_ip_address": "loopback addresses",
    "cabf.serverauth.dv.common_name_attribute_present": "fetchmail refuses a certificate without one",
    "cabf.serverauth.dv.unknown_attribute_present": "the organisation says that it is labserver's",
    "cabf.serverauth.subscriber.authority_info_access_extension_absent": "nothing would answer there",
    "cabf.serverauth.subscriber.certificate_policies_extension_absent": "the CA is nobody's but the lab's",
    "cabf.serverauth.subscriber.revocation_information_absent": "nothing would answer there",
    "cabf.serverauth.subscriber.subject_key_identifier_extension_present": "RFC 5280 4.2.1.2 recommends it",
    "msft.end_entity.revocation_information_absent": "nothing would answer there",
}
"""What is accepted in every leaf, and why; a leaf need not have it."""

_MEANT = {
    "cabf.serverauth.certificate_validity_period_exceeds_200_days": ("leaf-outlives-issuer",),
    "cabf.serverauth.certificate_validity_period_exceeds_398_days": ("notbefore-1970",),
    "cabf.serverauth.prohibited_duplicate_attribute_type": ("multiple-cn",),
    "cabf.serverauth.prohibited_san_type": (
        "good-localhost",
        "many-names",
        "san-directory-name",
        "san-smtputf8mailbox",
        "srv-id-plus-dns-id",
    ),
    "cabf.serverauth.rdn_contains_multiple_atvs": ("multivalue-rdn",),
    "cabf.serverauth.subscriber.authority_key_identifier_extension_absent": (
        "leaf-key-equals-ca-key",
        "minimal-extensions",
    ),
    "cabf.serverauth.subscriber.critical_certificate_policies_extension": ("certificate-policies-critical",),
    "cabf.serverauth.subscriber.critical_extended_key_usage_extension": ("eku-critical-server",),
    "cabf.serverauth.subscriber.emailprotection_eku_present": ("eku-server-email",),
    "cabf.serverauth.subscriber.extended_key_usage_extension_absent": ("eku-missing", "minimal-extensions"),
    "cabf.serverauth.subscriber.key_usage_extension_absent": ("ku-missing", "minimal-extensions"),
    "cabf.serverauth.subscriber.non_critical_key_usage_extension": ("ku-noncritical",),
    "cabf.serverauth.subscriber.unknown_extension_present": (
        "delegated-credential",
        "delegated-credential-cert",
        "huge-cert-20k",
        "must-staple-good",
        "private-key-usage-period-over",
        "unknown-extension",
    ),
    "cabf.serverauth.subscriber_anypolicy_oid_present": ("inhibit-any-policy",),
    "cabf.serverauth.subscriber_common_name_unknown_source": (
        "cn-ulabel-san-alabel",
        "ip-san",
        "ipv6-san",
        "localhost",
        "multiple-cn",
        "san-case",
        "single-label-host",
        "wildcard",
        "wildcard-matches-alabel",
    ),
    "cabf.serverauth.subscriber_missing_reserved_policy_oid": ("extended-validation",),
    "cabf.serverauth.subscriber_rsa_digitalsignature_and_keyencipherment_present": ("rsa2048", "rsa3072", "rsa4096"),
    "pkix.authority_key_identifier_extension_absent": ("leaf-key-equals-ca-key", "minimal-extensions"),
    "pkix.key_usage_extension_not_critical": ("ku-noncritical",),
    "pkix.san_extension_is_critical_non_empty_subject": ("san-critical",),
}
"""Which recipes have a finding because of the very thing, lawful and unusual, that they are about."""

ACCEPTED = [name for name, spec in all_recipes().items() if spec.verdict is Verdict.ACCEPT]
Lint = Callable[[bytes], set[str]]


@pytest.fixture(scope="module")
def lint() -> Lint:
    """Return what lints a certificate and tells the findings' codes."""
    kind = CertificateType.DV_FINAL_CERTIFICATE
    validator = certificate.create_pkix_certificate_validator_container(
        serverauth.create_decoding_validators(), serverauth.create_validators(kind)
    )
    superseded = serverauth.create_serverauth_finding_filters(kind)

    def codes(octets: bytes) -> set[str]:
        document = loader.load_certificate(octets, "leaf")
        results, _ = finding_filter.filter_results(superseded, validator.validate(document.root))
        findings = [one.finding for result in results for one in result.finding_descriptions]
        return {finding.code for finding in findings if finding.severity is not ValidationFindingSeverity.INFO}

    return codes


@pytest.fixture(scope="module")
def source() -> ImaginedLab:
    """Return a lab's chains."""
    return ImaginedLab(CATALOGUE, Wanted())


def test_the_labs_own_leaf(lint: Lint, source: ImaginedLab) -> None:
    """The known-good certificate has nothing but what is meant."""
    assert lint(source.server().leaf) == _EVERYWHERE.keys()
    assert lint(source.scenario("good").leaf) == _EVERYWHERE.keys()


@pytest.mark.parametrize("recipe", ACCEPTED)
def test_leaves_to_be_accepted(lint: Lint, source: ImaginedLab, recipe: str) -> None:
    """A recipe that is to be accepted has, besides that, only the finding that it is about."""
    meant = {code for code, recipes in _MEANT.items() if recipe in recipes}
    assert lint(source.scenario(recipe).leaf) - _EVERYWHERE.keys() == meant


def test_the_linter_finds(lint: Lint, source: ImaginedLab) -> None:
    """What is wrong is found, or the rest would prove nothing."""
    wrong = ("eku-client-only", "ku-empty", "serial-zero", "generalizedtime-before-2050")
    assert all(lint(source.scenario(recipe).leaf) - _EVERYWHERE.keys() - _MEANT.keys() for recipe in wrong)
