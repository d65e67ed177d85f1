"""Links over exchanges: what is told, when, and what is left of an exchange that is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.dialogues.exchange import Await, AwaitKind, Command, Reply
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.chain import NONE, Chain, Tell
from labserver.misbehaviours.conditions import Nth, When
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.presentation import Presentation
from labserver.wire.actions import Abort, Close, GiveWay, Pace, Pause
from tests.misbehaviours.stage import LINE, Cuts, Honest, command, moment, played, raw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.misbehaviours.base import Said, Step, Steps
    from labserver.misbehaviours.moment import Moment
    from labserver.tls.client_hello import ClientHello

NOOP = Command(verb="NOOP", tag=b"a1")
OK = Reply.completion(b"a1 OK done\r\n", "OK")
LISTED = Reply.untagged(b"* LIST () NIL x\r\n")
GO_ON = Reply.continuation(b"+ go on\r\n")


class Same(Misbehaviour, frozen=True, kw_only=True, tag="same"):
    """Says what is honest, by another way."""

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return an equal reply."""
        return (replace(honest),)


class Dropped(Misbehaviour, frozen=True, kw_only=True, tag="dropped"):
    """Loses every reply."""

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return nothing."""
        return ()


class Twice(Misbehaviour, frozen=True, kw_only=True, tag="twice"):
    """Says everything twice."""

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return it twice."""
        return (honest, honest)


class Shouted(Misbehaviour, frozen=True, kw_only=True, tag="shouted"):
    """Says everything in capitals; what has none is honest."""

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return it in capitals."""
        return (replace(honest, raw=honest.raw.upper()),)


class Waits(Misbehaviour, frozen=True, kw_only=True, tag="waits"):
    """Waits first."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield a pause, then what is honest."""
        yield Pause(1.0)
        yield from honest


class Answers(Misbehaviour, frozen=True, kw_only=True, tag="answers"):
    """Answers itself."""

    text: str

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield one reply; a continuation if it looks like one."""
        octets = self.text.encode() + b"\r\n"
        if self.text[:1] == "+" or self.text[:3] in {"334", "354"}:
            yield Reply.continuation(octets, self.text.split()[0])
        else:
            yield Reply.completion(octets)


class Believes(Misbehaviour, frozen=True, kw_only=True, tag="believes"):
    """Takes right for wrong and wrong for right."""

    def believes(self, name: str, honest: bool, moment: Moment) -> bool:  # noqa: ARG002, FBT001 -- the hook's
        """Return the contrary."""
        return not honest


class Old(Misbehaviour, frozen=True, kw_only=True, tag="old"):
    """Presents one version."""

    version: str

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return it."""
        return Presentation(maximum=self.version)


class Measures(Waits, frozen=True, kw_only=True, tag="measures"):
    """An instrument."""

    instrument = True


def _wrapped(honest: Honest, *links: Misbehaviour, asked: Command = NOOP, service: str = "imap") -> Steps:
    return Chain(links).wrap(Occasion.COMMAND, honest.run(), moment(service, asked))


TOLD: dict[str, tuple[tuple[Misbehaviour, ...], tuple[Step, ...]]] = {
    "dropped": ((Dropped(),), (Tell("dropped", 0),)),
    "twice": ((Twice(),), (LISTED, Tell("twice", 0), LISTED, OK, OK)),
    "equal": ((Same(),), (LISTED, OK)),
    "changed": (
        (Shouted(),),
        (LISTED, Tell("shouted", 0), replace(OK, raw=b"A1 OK DONE\r\n")),
    ),
    "waits": ((Waits(),), (Tell("waits", 0), Pause(1.0), LISTED, OK)),
    "cut": ((Cuts(after=1),), (LISTED, Tell("cuts", 0))),
    "closed": ((Cuts(after=1, close=True),), (LISTED, Tell("cuts", 0), Close())),
    "the inner one is told as well": (
        (Twice(), Dropped()),
        (Tell("twice", 0), Tell("dropped", 1)),
    ),
    "the last is nearest to the client": (
        (Answers(text="a1 no"), Shouted()),
        (Tell("answers", 0), Tell("shouted", 1), Reply.completion(b"A1 NO\r\n")),
    ),
    "what never comes through is not told": (
        (Waits(), Answers(text="a1 NO")),
        (Tell("answers", 1), Reply.completion(b"a1 NO\r\n")),
    ),
}
LISTED_UPPER = Reply.untagged(b"* LIST () NIL X\r\n")


@pytest.mark.parametrize(("links", "steps"), TOLD.values(), ids=TOLD)
def test_told_before_what_differs(links: tuple[Misbehaviour, ...], steps: tuple[Step, ...]) -> None:
    """A Tell stands ahead of the first step that differs, or where one is missing, once an exchange and link."""
    listed = LISTED_UPPER
    honest = Honest((listed, OK))
    expected = [listed if step is LISTED else step for step in steps]
    assert played(_wrapped(honest, *links)) == expected
    assert honest.closed or not honest.begun


def test_what_is_honest_comes_through_as_it_is() -> None:
    """An equal step is the honest one, and so are its octets that are not made yet."""
    rest = iter(())
    reply = Reply.completion(b"a1 OK\r\n", "OK", rest)
    (said,) = played(_wrapped(Honest((reply,)), Same()))
    assert said is reply


def test_an_answer_never_begins_the_honest_exchange() -> None:
    """What answers instead leaves the honest server without the command, and with nothing open."""
    honest = Honest((OK,))
    steps = honest.run()
    list(Chain((Answers(text="a1 NO"),)).wrap(Occasion.COMMAND, steps, moment("imap", NOOP)))
    assert steps.gi_frame is None  # type: ignore[attr-defined]  # a generator has one
    assert not honest.heard
    assert not honest.finished


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_closed_from_outside(cut: int) -> None:
    """Whoever drops an exchange closes every link and the honest exchange with it, wherever they stand."""
    honest = Honest((LISTED, GO_ON, Await.line(), OK))
    steps = _wrapped(honest, Same(), Twice(), Waits())
    said: Said = None
    for _ in range(cut + 2):
        step = steps.send(said)
        said = LINE if isinstance(step, Await) else None
    steps.close()
    assert honest.closed or not honest.begun
    assert not honest.finished


def test_an_exception_closes_them_too() -> None:
    """A fault inside is the caller's, and every generator has ended."""

    def fails() -> Steps:
        yield LISTED
        raise ValueError("no")

    steps = Chain((Same(), Twice())).wrap(Occasion.COMMAND, fails(), moment("imap", NOOP))
    with pytest.raises(ValueError, match="no"):
        played(steps)
    assert steps.gi_frame is None  # type: ignore[attr-defined]  # a generator has one


LEFT: dict[str, tuple[str, bytes, Misbehaviour, Await | None]] = {
    "a chunk comes anyway": ("smtp", b"BDAT 7 LAST", Answers(text="550 no"), Await.chunk(7, 1 << 62)),
    "a chunk without a size does not": ("smtp", b"BDAT x", Answers(text="550 no"), None),
    "mail comes after 354": ("smtp", b"DATA", Answers(text="354 go"), Await.data(1 << 62)),
    "no mail comes after 554": ("smtp", b"DATA", Answers(text="554 no"), None),
    "a response comes after 334": ("smtp", b"AUTH PLAIN", Answers(text="334 !"), Await.line()),
    "a response comes after +": ("imap", b"a AUTHENTICATE PLAIN", Answers(text="+ !"), Await.line()),
    "an exchange cut after its continuation": ("imap", b"a IDLE", Cuts(after=2), Await.line()),
    "nobody answers what is closed": ("imap", b"a IDLE", Cuts(after=2, close=True), None),
}


@pytest.mark.parametrize(("service", "line", "link", "left"), LEFT.values(), ids=LEFT)
def test_what_still_comes_is_taken(service: str, line: bytes, link: Misbehaviour, left: Await | None) -> None:
    """What a client sends because of what it was told, or in any case, is never read as a command."""
    honest = Honest((LISTED, GO_ON, Await.line(), OK))
    steps = played(_wrapped(honest, link, asked=command(service, line), service=service))
    assert [step for step in steps if isinstance(step, Await)] == ([] if left is None else [left])
    if left is not None and left.kind is not AwaitKind.LINE:
        sink = next(step.sink for step in steps if isinstance(step, Await))
        assert sink is not None
        sink.write(b"x", b"x")
        sink.drop()


def test_what_was_taken_is_not_awaited_twice() -> None:
    """A changed answer to BDAT whose chunk has come waits for no other one."""
    honest = Honest((Await.chunk(7, 9), OK))
    steps = played(_wrapped(honest, Shouted(), asked=command("smtp", b"BDAT 7"), service="smtp"))
    assert sum(isinstance(step, Await) for step in steps) == 1
    assert honest.heard == [LINE]


def test_an_await_that_is_swallowed_is_told() -> None:
    """A wait that does not come out is something missing, like a reply."""

    class Swallows(Misbehaviour, frozen=True, kw_only=True, tag="swallows"):
        def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
            for step in honest:
                if isinstance(step, Reply):
                    yield step

    steps = played(_wrapped(Honest((GO_ON, Await.line(), OK)), Swallows()))
    assert steps == [GO_ON, Tell("swallows", 0), OK]


class TestChain:
    """What a chain says of itself."""

    def test_of_the_honest_server(self) -> None:
        """It has no links, and nothing has to be asked of it."""
        assert not NONE
        assert not any(NONE.meets(occasion) for occasion in Occasion)
        assert NONE.reach == frozenset()
        assert NONE.quiet_after == ()
        assert not NONE.presents
        assert not NONE.believes_otherwise
        exchange = Honest((OK,)).run()
        assert NONE.wrap(Occasion.COMMAND, exchange, moment()) is exchange

    def test_a_value(self) -> None:
        """Chains of the same links are the same."""
        assert Chain([Same()]) == Chain((Same(),)) != Chain([Twice()])
        assert hash(Chain([Same()])) == hash(Chain([Same()]))
        assert repr(Chain([Same()])).startswith("Chain([Same(")

    def test_occasions(self) -> None:
        """A link acts on its kind's occasions, or on those that its conditions name."""
        assert Chain([Same()]).meets(Occasion.COMMAND)
        chain = Chain([Same(when=When(on=(Occasion.GREETING, Occasion.QUIET), idle=3))])
        assert chain.meets(Occasion.GREETING)
        assert not chain.meets(Occasion.COMMAND)
        assert chain.quiet_after == (3,)

    def test_conditions_are_looked_at_once(self) -> None:
        """Not met, not wrapped: the exchange is the honest one itself; what counts is counted on opening."""
        chain = Chain([Dropped(when=When(nth=Nth("2")))])
        here = moment("imap", NOOP)
        first, second, third = (Honest((OK,)).run() for _ in range(3))
        assert chain.wrap(Occasion.COMMAND, first, here) is first
        assert chain.wrap(Occasion.COMMAND, second, here) is not second
        assert chain.wrap(Occasion.COMMAND, third, here) is third

    def test_reach(self) -> None:
        """Every link but an instrument has to act."""
        assert Chain([Same(), Measures(), Twice()]).reach == {Tell("same", 0), Tell("twice", 2)}

    def test_pieces_for_the_network(self) -> None:
        """The first link that says how octets leave is the one that counts."""

        class Slow(Misbehaviour, frozen=True, kw_only=True, tag="slow"):
            size: int

            def below(self) -> Pace | None:
                return Pace(size=self.size)

        assert Chain([Same()]).below is None
        assert Chain([Slow(size=1), Slow(size=2), Same()]).below == (Pace(size=1), Tell("slow", 0))

    def test_belief(self) -> None:
        """Links see what those before them believe, and each that changes it is told."""
        here = moment("imap", NOOP)
        assert Chain([Believes()]).believes("a", True, here).right is False  # noqa: FBT003 -- the hook's
        twice = Chain([Believes(), Same(), Believes()]).believes("a", True, here)  # noqa: FBT003 -- the same
        assert twice.right
        assert twice.tells == (Tell("believes", 0), Tell("believes", 2))
        assert Chain([Believes()]).believes_otherwise
        assert Chain([Believes(when=When(nth=Nth("2")))]).believes("a", True, here).tells == ()  # noqa: FBT003 -- the same

    def test_handshake(self) -> None:
        """Links change how TLS answers, and whoever changes nothing is not told."""
        chain = Chain([Old(version="TLSv1"), Old(version="TLSv1"), Same()])
        assert chain.presents
        assert chain.handshake(Presentation(), None, moment()) == (Presentation(maximum="TLSv1"), (Tell("old", 0),))

    def test_it_follows_the_session(self) -> None:
        """A condition on what the server accepted has the chain watch every command, and change nothing."""
        chain = Chain([Dropped(when=When(on=Occasion.UNSOLICITED, mailbox="Work"))])
        assert chain.meets(Occasion.COMMAND)
        here = moment("imap", command("imap", b'a SELECT "Work"'))
        selected = Reply.completion(b"a OK done\r\n", "OK")
        assert played(chain.wrap(Occasion.COMMAND, Honest((selected,)).run(), here)) == [selected]
        here.done()
        assert here.mailbox == "Work"
        assert played(chain.wrap(Occasion.UNSOLICITED, Honest((LISTED,)).run(), here)) == [Tell("dropped", 0)]


# Anything over anything

_TEXT = st.sampled_from([b"* x\r\n", b"a1 OK DONE\r\n", b"+ go on\r\n", b""])
_STEPS = st.one_of(
    st.builds(Reply.untagged, _TEXT),
    st.builds(Reply.completion, _TEXT, st.just("OK")),
    st.builds(Reply.continuation, _TEXT),
    st.builds(lambda pieces: Reply.untagged(b"* long\r\n", pieces), st.lists(_TEXT, max_size=3).map(tuple)),
    st.just(Await.line()),
    st.just(GiveWay()),
)
_ENDS = st.sampled_from(((), (Close(),), (Abort(),)))
_EXCHANGES = st.builds(lambda steps, end: (*steps, *end), st.lists(_STEPS, max_size=6), _ENDS)
_WHENS = st.builds(
    When,
    nth=st.sampled_from([None, Nth("2"), Nth("1-2"), Nth("every 2")]),
    chance=st.sampled_from([1.0, 0.5]),
    command=st.sampled_from(((), "NOOP", "FETCH")),
)
_NEVER = st.sampled_from(
    [When(command="FETCH"), When(nth=Nth("9")), When(service="pop3"), When(account="x"), When(mailbox="none")]
)


def _links(whens: st.SearchStrategy[Any]) -> st.SearchStrategy[Misbehaviour]:
    return st.one_of(
        *(st.builds(kind, when=whens) for kind in (Same, Dropped, Twice, Shouted, Waits, Measures)),
        st.builds(Answers, when=whens, text=st.sampled_from(["a1 NO", "+ go on", "334 !"])),
        st.builds(Cuts, when=whens, after=st.integers(0, 4), close=st.booleans()),
    )


@given(st.lists(_links(_WHENS), max_size=5), st.lists(_EXCHANGES, min_size=1, max_size=4))
def test_any_chain_over_any_exchanges(links: list[Misbehaviour], exchanges: list[tuple[Step, ...]]) -> None:
    """It ends, without an exception and with everything closed, and tells exactly when something differs."""
    chain = Chain(links)
    here = moment("imap")
    for steps in exchanges:
        honest = Honest(steps)
        here.asks(NOOP)
        out = played(chain.wrap(Occasion.COMMAND, honest.run(), here))
        here.done()
        assert honest.closed or not honest.begun
        tells = [step for step in out if isinstance(step, Tell)]
        rest = [step for step in out if not isinstance(step, Tell)]
        assert len(set(tells)) == len(tells)
        differs = rest != list(steps)
        assert differs <= bool(tells)
        if len(links) == 1 and not isinstance(links[0], Cuts):  # a cut may be where the end is; nobody looks behind it
            assert differs == bool(tells)


@given(st.lists(_links(_NEVER), max_size=5), st.lists(_EXCHANGES, min_size=1, max_size=4))
def test_a_chain_that_never_acts_is_honest(links: list[Misbehaviour], exchanges: list[tuple[Step, ...]]) -> None:
    """Every step is the honest one itself, and nothing is told."""
    chain = Chain(links)
    here = moment("imap")
    for steps in exchanges:
        honest = Honest(steps)
        here.asks(NOOP)
        out = played(chain.wrap(Occasion.COMMAND, honest.run(), here))
        here.done()
        assert [id(step) for step in out] == [id(step) for step in steps]
        assert honest.finished


@given(st.lists(_links(_WHENS), max_size=4), _EXCHANGES)
def test_the_same_seed_does_the_same(links: list[Misbehaviour], steps: tuple[Step, ...]) -> None:
    """Two sessions with the same seed and the same client get the same octets and tell the same."""
    outs = []
    for _ in range(2):
        here = moment("imap")
        out: list[Step] = []
        for _ in range(3):
            here.asks(NOOP)
            out += played(Chain(links).wrap(Occasion.COMMAND, Honest(steps).run(), here))
        outs.append((raw(out), [step for step in out if isinstance(step, Tell)]))
    assert outs[0] == outs[1]
