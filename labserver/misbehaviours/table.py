"""Every kind of misbehaviour by its name, in the order in which people read about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.misbehaviours.kinds import (
    answers,
    authentication,
    capabilities,
    data,
    ends,
    greeting,
    lines,
    mailbox,
    oracle,
    replies,
    timing,
    tls,
    upgrade,
)

if TYPE_CHECKING:
    from types import ModuleType

    from labserver.misbehaviours.base import Misbehaviour

__all__ = ["AXES", "KINDS"]

AXES: dict[ModuleType, tuple[type[Misbehaviour], ...]] = {
    answers: (answers.Answer, answers.Refused, answers.Silence),
    replies: (replies.Changed, replies.Inserted, replies.Dropped, replies.Repeated, replies.Late),
    timing: (timing.Delay, timing.Stall, timing.Held, timing.Drip, timing.Segments, timing.Records),
    ends: (ends.End, ends.Goodbye),
    greeting: (greeting.Preauthenticated, greeting.Foreign, greeting.Tagged, greeting.Endless),
    capabilities: (capabilities.Capabilities, capabilities.Mechanisms),
    upgrade: (upgrade.UpgradeRefused, upgrade.UpgradePretended, upgrade.Injection),
    authentication: (
        authentication.LoginRefused,
        authentication.LoginAccepted,
        authentication.LoginUnasked,
        authentication.Challenge,
        authentication.EndlessChallenges,
        authentication.Proof,
        authentication.Scram,
    ),
    data: (data.DataRefused, data.QuotaFull),
    mailbox: (mailbox.UidValidity, mailbox.Exists, mailbox.LiteralLength),
    lines: (lines.LineEnds,),
    tls: (
        tls.TlsVersion,
        tls.TlsSuites,
        tls.TlsGroups,
        tls.TlsSignatures,
        tls.TlsAlpn,
        tls.TlsClientCertificate,
        tls.TlsStalled,
    ),
    oracle: (oracle.Withhold,),
}
"""The kinds of each axis; a module's docstring says what the axis is."""

KINDS: dict[str, type[Misbehaviour]] = {
    str(kind.__struct_config__.tag): kind for kinds in AXES.values() for kind in kinds
}
"""The kinds by name."""
