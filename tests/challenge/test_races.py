"""Many at once, with real threads: C4, C6, and the locks that keep order."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.errors import AlreadyJoined, ChallengeFull, NotParticipant, NotWaiting
from nene.challenge.models import Challenge
from nene.kernel import lock
from nene.kernel.db import in_transaction, reading
from nene.kernel.lock import Crowded, crowd_lock
from nene.point import service as point
from tests import world
from tests.conftest import Race
from tests.world import NOW

FEE = 1_000


def kinds(results: list[Any]) -> Counter[type]:
    return Counter(type(result) for result in results)


def crowd(session: Session, size: int, **terms: Any) -> tuple[int, list[int]]:
    host = world.member(session, 5_000)
    challenge_id = world.opened(session, host, fee=FEE, **terms)
    return challenge_id, [world.member(session, 5_000) for _ in range(size)]


def joining(challenge_id: int, user_id: int) -> Any:
    return partial(
        in_transaction, service.join_challenge, challenge_id=challenge_id, user_id=user_id, version=1, now=NOW
    )


def quitting(challenge_id: int, user_id: int) -> Any:
    return partial(in_transaction, service.quit_challenge, challenge_id=challenge_id, user_id=user_id, now=NOW)


def taken(challenge_id: int) -> tuple[int, int, int]:
    with reading() as session:
        challenge = session.get_one(Challenge, challenge_id)
        assert not world.faults(session)
        return challenge.participant_count, challenge.pot, point.full_escrows(session).get(challenge_id, 0)


def test_the_last_seats_go_to_as_many_as_there_are(race: Race) -> None:
    challenge_id, people = in_transaction(crowd, 12, max_participants=4)
    results = race(*(joining(challenge_id, user_id) for user_id in people))
    assert kinds(results) == {int: 3, ChallengeFull: 9}
    assert taken(challenge_id) == (4, 4 * FEE, 4 * FEE)


def test_pressing_twice_stakes_once(race: Race) -> None:
    challenge_id, (user_id,) = in_transaction(crowd, 1)
    assert kinds(race(*[joining(challenge_id, user_id)] * 4)) == {int: 1, AlreadyJoined: 3}
    assert taken(challenge_id) == (2, 2 * FEE, 2 * FEE)


def test_two_challenges_joined_at_once_are_both_paid_for(race: Race) -> None:
    one, (user_id,) = in_transaction(crowd, 1)
    others = [in_transaction(crowd, 0)[0] for _ in range(5)]
    results = race(*(joining(challenge_id, user_id) for challenge_id in (one, *others)))
    assert Counter(isinstance(result, int) for result in results) == {True: 5, False: 1}
    with reading() as session:
        assert point.balance_of(session, user_id) == 0
        assert not world.faults(session)


def test_quitting_twice_at_once_refunds_once(race: Race) -> None:
    challenge_id, (user_id,) = in_transaction(crowd, 1)
    joining(challenge_id, user_id)()
    assert kinds(race(*[quitting(challenge_id, user_id)] * 4)) == {int: 1, NotParticipant: 3}
    assert taken(challenge_id) == (1, FEE, FEE)
    with reading() as session:
        assert point.balance_of(session, user_id) == 5_000


def test_quitting_and_cancelling_at_once_refund_once(race: Race) -> None:
    challenge_id, people = in_transaction(crowd, 3)
    for user_id in people:
        joining(challenge_id, user_id)()
    with reading() as session:
        host = session.get_one(Challenge, challenge_id).host_id
    cancel = partial(in_transaction, service.cancel_challenge, challenge_id=challenge_id, user_id=host)
    race(cancel, *(quitting(challenge_id, user_id) for user_id in people))
    with reading() as session:
        assert [point.balance_of(session, user_id) for user_id in (host, *people)] == [5_000] * 4
        assert not world.faults(session)


def test_joining_while_the_host_edits_stakes_only_on_terms_that_were_read(race: Race) -> None:
    for _ in range(6):
        challenge_id, (user_id,) = in_transaction(crowd, 1)
        with reading() as session:
            host = session.get_one(Challenge, challenge_id).host_id
        edit = partial(
            in_transaction, service.edit_challenge, challenge_id=challenge_id, user_id=host, terms=world.terms(name="저녁 달리기")
        )  # fmt: skip
        joined, edited = race(joining(challenge_id, user_id), edit)
        assert isinstance(joined, int) != (edited is None)


def test_nobody_slips_in_beside_the_closing_of_recruiting(race: Race) -> None:
    challenge_id, people = in_transaction(crowd, 4)
    joining(challenge_id, people[0])()
    with reading() as session:
        host = session.get_one(Challenge, challenge_id).host_id
    close = partial(in_transaction, service.close_recruiting, challenge_id=challenge_id, user_id=host)
    results = race(close, *(joining(challenge_id, user_id) for user_id in people[1:]))
    assert all(isinstance(result, int | NotWaiting) for result in results[1:])
    count, pot, escrow = taken(challenge_id)
    assert pot == escrow == count * FEE


def test_the_lock_tells_the_crowd_after_three_seconds(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a shorter wait than people have, so that the test is quick."""
    monkeypatch.setattr(lock, "WAIT", 0.2)

    def hold() -> str:
        with crowd_lock("challenge", 7):
            try:
                race_again()
            except Crowded as refusal:
                return refusal.message
        return "nobody was refused"

    def race_again() -> None:
        with crowd_lock("challenge", 7):
            pass

    assert "몰리고 있어요" in hold()
    with crowd_lock("challenge", 7), crowd_lock("challenge", 8):
        pass
