"""What time does to challenges: start, cancel for want of people, settle (C9, C12 to C15)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from nene.challenge import queries, rules
from nene.challenge.models import Challenge, Settlement, Share
from nene.challenge.service import moves
from nene.challenge.terms import Status, Step
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.point import service as point
from nene.point.terms import Move

BATCH = 100
SET_ASIDE = timedelta(hours=1)
TOO_FEW = "최소 인원이 모이지 않았어요."
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Done:
    """What one run did: (challenge id, step) pairs, and the challenges that failed and were set aside."""

    steps: list[tuple[int, Step]]
    failed: list[int]


def advance(now: datetime) -> Done:
    """Start, cancel, finish and settle whatever is due, at most 100 challenges a transaction; safe to run twice at once.

    One that fails is set aside for an hour and reported, and does not hold up the others (C15).
    """
    done = Done([], [])
    while True:
        before = len(done.steps)
        for ids in _due(now):
            _advance_ids(ids, now, done)
        if len(done.steps) == before:
            return done


def catch_up(challenge_id: int, now: datetime) -> None:
    """Apply to one challenge what is due to it, in a step of its own before a person's action (C9)."""
    with reading() as session:
        challenge = queries.find_challenge(session, challenge_id)
    if challenge is not None and challenge.due_step(now):
        in_transaction(_advance_one, challenge_id, now)


def preview(now: datetime) -> Iterator[tuple[int, Step]]:
    """What a run would do first to each challenge, without doing it."""
    for ids in _due(now):
        for challenge_id in ids:
            with reading() as session:
                challenge = queries.find_challenge(session, challenge_id)
                step = challenge.due_step(now) if challenge else None
            if step:
                yield challenge_id, step


def refund_all(session: Session, challenges: Sequence[Challenge], *, why: str) -> None:
    """Give every stake back, those of quitters too, and tell everybody (C7)."""
    stakes = queries.list_stakes(session, [challenge.id for challenge in challenges])
    every = [(challenge, stake) for challenge in challenges for stake in stakes[challenge.id]]
    point.move_many(
        session, [moves.refund(challenge, stake.participant_id, stake.user_id) for challenge, stake in every]
    )
    notification.notify(
        session,
        [
            _notice(Type.CHALLENGE_CANCELED, challenge, stake, {"fee": f"{challenge.fee:,}", "why": why})
            for challenge, stake in every
        ],
    )


def _due(now: datetime) -> Iterator[list[int]]:
    after = 0
    while True:
        with reading() as session:
            ids = queries.list_due_ids(session, now=now, wall_now=wall.now(), after=after, limit=BATCH)
        if not ids:
            return
        yield ids
        after = ids[-1]


def _advance_ids(ids: list[int], now: datetime, done: Done) -> None:
    try:
        done.steps.extend(in_transaction(_advance_free, ids, now))
    except Exception:
        if len(ids) > 1:
            for challenge_id in ids:
                _advance_ids([challenge_id], now, done)
            return
        log.exception("challenge.set_aside", challenge_id=ids[0])
        in_transaction(_set_aside, ids[0])
        done.failed.append(ids[0])


def _advance_free(session: Session, ids: list[int], now: datetime) -> list[tuple[int, Step]]:
    return _apply(session, queries.load_free(session, ids), now)


def _advance_one(session: Session, challenge_id: int, now: datetime) -> None:
    challenge = queries.load_challenge(session, challenge_id)
    while challenge is not None and challenge.due_step(now):
        _apply(session, [challenge], now)
        session.flush()


def _set_aside(session: Session, challenge_id: int) -> None:
    aside = update(Challenge).where(Challenge.id == challenge_id)
    session.execute(aside.values(set_aside_until=wall.now() + SET_ASIDE))


def _apply(session: Session, challenges: Sequence[Challenge], now: datetime) -> list[tuple[int, Step]]:
    """One step for each challenge, which the caller has locked; moves go out in sets."""
    steps = {challenge: step for challenge in challenges if (step := challenge.due_step(now))}
    for step, act in ((Step.START, _start), (Step.CANCEL, _cancel), (Step.SETTLE, _settle)):
        chosen = [challenge for challenge in steps if steps[challenge] is step]
        if chosen:
            act(session, chosen, now)
    return [(challenge.id, step) for challenge, step in steps.items()]


def _start(session: Session, challenges: Sequence[Challenge], _now: datetime) -> None:
    stakes = queries.list_stakes(session, [challenge.id for challenge in challenges])
    for challenge in challenges:
        challenge.status = Status.ONGOING
    notification.notify(
        session,
        [
            _notice(Type.CHALLENGE_STARTED, challenge, stake, {})
            for challenge in challenges
            for stake in stakes[challenge.id]
        ],
    )


def _cancel(session: Session, challenges: Sequence[Challenge], _now: datetime) -> None:
    for challenge in challenges:
        challenge.cancel(by=None)
    refund_all(session, challenges, why=TOO_FEW)


def _settle(session: Session, challenges: Sequence[Challenge], now: datetime) -> None:
    stakes = queries.list_stakes(session, [challenge.id for challenge in challenges])
    settlements: list[dict[str, object]] = []
    shares: list[dict[str, object]] = []
    rewards: list[Move] = []
    notices: list[Notice] = []
    for challenge in challenges:
        division = rules.divide(stakes[challenge.id], pot=challenge.pot, days=challenge.days)
        settlements.append(_settlement_row(challenge, division, now))
        for stake in stakes[challenge.id]:
            share = division.shares[stake.participant_id]
            shares.append(_share_row(challenge, division, stake))
            if share:
                rewards.append(moves.reward(challenge, stake.participant_id, stake.user_id, share))
            notices += _end_notices(challenge, stake, share)
        challenge.status = Status.FINISHED
    session.execute(insert(Settlement), settlements)
    session.execute(insert(Share), shares)
    point.move_many(session, rewards)
    notification.notify(session, notices)


def _settlement_row(challenge: Challenge, division: rules.Division, now: datetime) -> dict[str, object]:
    return {
        "challenge_id": challenge.id,
        "pot": division.pot,
        "achievers": division.achievers,
        "winners": division.winners,
        "share": division.share,
        "remainder": division.remainder,
        "settled_at": now,
    }


def _share_row(challenge: Challenge, division: rules.Division, stake: rules.Stake) -> dict[str, object]:
    return {
        "participant_id": stake.participant_id,
        "challenge_id": challenge.id,
        "verified_days": stake.verified,
        "achieved": stake.participant_id in division.achieved,
        "points": division.shares[stake.participant_id],
    }


def _end_notices(challenge: Challenge, stake: rules.Stake, share: int) -> Iterator[Notice]:
    yield _notice(Type.CHALLENGE_ENDED, challenge, stake, {"share": f"{share:,}"})
    if share:
        yield _notice(Type.REWARD_GRANTED, challenge, stake, {"share": f"{share:,}"})


def _notice(kind: Type, challenge: Challenge, stake: rules.Stake, values: dict[str, object]) -> Notice:
    return Notice(
        key=f"{kind}:{stake.participant_id}",
        user_id=stake.user_id,
        type=kind,
        link=("challenge", str(challenge.id)),
        values={"challenge": challenge.name, **values},
    )
