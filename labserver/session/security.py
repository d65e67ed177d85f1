"""STARTTLS and AUTH, the exchanges that are the membrane's own: written once for all protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Identity, LoginFailure
from labserver.mechanisms import known_mechanism
from labserver.session.conversation import Conversation
from labserver.wire.actions import StartTls

if TYPE_CHECKING:
    from collections.abc import Generator

    from labserver.dialogues.exchange import Await, Backend, Command, Dialogue, Link, Reply
    from labserver.sasl.mechanism import Channel
    from labserver.session.access import Access
    from labserver.wire.framing import Framed, Overflow

    Said = Generator[Reply | Await | StartTls, Framed | Overflow | None, None]

__all__ = ["authenticate", "upgrade"]


def upgrade(command: Command, link: Link, backend: Backend, dialogue: Dialogue) -> Said:
    """Answer STARTTLS or STLS: agree, and begin TLS, or say why not."""
    if command.argument or len(command.parts) > 1:  # a literal is an argument, too
        yield dialogue.upgrade_refused(command, f"{command.verb} takes no argument")
    elif link.secure:
        yield dialogue.upgrade_refused(command, "TLS is already active")
    elif not link.offers_starttls:
        yield dialogue.upgrade_refused(command, "TLS is not available here")
    elif not backend.permits(command):
        yield dialogue.upgrade_refused(command, f"{command.verb} is not possible in this state")
    else:
        yield dialogue.upgrade_ready(command)
        yield StartTls()


def authenticate(
    command: Command, link: Link, backend: Backend, dialogue: Dialogue, *, access: Access, channel: Channel
) -> Said:
    """Answer AUTH or AUTHENTICATE: have the mechanism's exchange, and let the client in or say why not."""
    name, _, initial = command.argument.strip(b" ").partition(b" ")
    mechanism_name = name.decode("ascii", "replace").upper()
    failure = access.refusal(mechanism_name, secure=link.secure, channel=channel)
    if not backend.permits(command):
        failure = LoginFailure.NOT_NOW
    elif len(command.parts) > 1:
        failure = LoginFailure.MALFORMED  # neither a mechanism nor an initial response is a literal (RFC 4959 3)
    if failure is None:
        exchange = access.start(mechanism_name, secure=link.secure, channel=channel, credentials=link.credentials)
        conversation = Conversation(dialogue=dialogue)
        outcome = yield from conversation.run(
            exchange, initial, client_first=access.mechanism(mechanism_name).client_first
        )
        if not isinstance(outcome, LoginFailure):
            identity = Identity(account=outcome, mechanism=mechanism_name)
            link.logged_in(identity)
            yield from backend.authenticated(command, identity)
            return
        failure = outcome
    link.login_refused(known_mechanism(mechanism_name), failure)
    yield dialogue.login_failed(command, failure)
