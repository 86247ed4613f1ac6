"""Random histories of ledger and challenges against a plain model that knows nothing of either (R3)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.models import Challenge
from nene.challenge.service.advance import _advance_one
from nene.kernel.db import db
from nene.kernel.errors import Refusal
from nene.point import service as point
from tests import world
from tests.world import TODAY, night_after, noon

PEOPLE = 5
PLACES = st.integers(0, 10**6)  # of a person or a challenge, in a list whose length is not known yet


@dataclass
class Model:
    """A challenge as one would keep it on paper."""

    host: int
    fee: int
    seats: int
    least: int
    start: date
    due: date
    status: str = "WAITING"
    stakes: list[int] = field(default_factory=list)  # in the order of joining
    quitters: set[int] = field(default_factory=set)
    days: dict[int, set[date]] = field(default_factory=dict)


class Histories(RuleBasedStateMachine):
    """People open, join, quit, close, cancel and verify in any order, while days go by."""

    @initialize()
    def begin(self) -> None:
        self.connection = db.engine.connect()
        self.undone = self.connection.begin()
        self.session = Session(self.connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        self.today = TODAY
        self.points = {world.member(self.session, 3_000): 3_000 for _ in range(PEOPLE)}
        self.challenges: dict[int, Model] = {}

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.undone.rollback()
            self.connection.close()

    def person(self, place: int) -> int:
        return list(self.points)[place % PEOPLE]

    def challenge(self, place: int) -> tuple[int, Model]:
        return list(self.challenges.items())[place % len(self.challenges)]

    def attempt(self, step: Callable[[], object]) -> bool:
        """Do a step as the edge would: a refusal undoes it."""
        try:
            with self.session.begin_nested():
                step()
        except Refusal:
            return False
        return True

    @rule(
        who=PLACES,
        fee=st.integers(100, 1_200),
        seats=st.integers(2, 4),
        least=st.integers(2, 3),
        length=st.integers(2, 4),
    )
    def open(self, who: int, fee: int, seats: int, least: int, length: int) -> None:
        host, start = self.person(who), self.today + timedelta(days=1)
        model = Model(host, fee, max(seats, least), least, start, start + timedelta(days=length - 1))
        opened: list[int] = []
        done = self.attempt(
            lambda: opened.append(
                world.opened(
                    self.session, host, fee=fee, now=noon(self.today), min_participants=least,
                    max_participants=model.seats, start_date=start, due_date=model.due,
                )
            )
        )  # fmt: skip
        assert done == (self.points[host] >= fee)
        if done:
            model.stakes.append(host)
            self.points[host] -= fee
            self.challenges[opened[0]] = model

    @precondition(lambda self: self.challenges)
    @rule(who=PLACES, which=PLACES)
    def join(self, who: int, which: int) -> None:
        user_id, (challenge_id, model) = self.person(who), self.challenge(which)
        allowed = (
            model.status == "WAITING"
            and user_id not in model.stakes
            and len(model.stakes) < model.seats
            and self.points[user_id] >= model.fee
        )
        assert self.attempt(lambda: world.joined(self.session, challenge_id, user_id, now=noon(self.today))) == allowed
        if allowed:
            model.stakes.append(user_id)
            self.points[user_id] -= model.fee

    @precondition(lambda self: self.challenges)
    @rule(who=PLACES, which=PLACES)
    def quit(self, who: int, which: int) -> None:
        user_id, (challenge_id, model) = self.person(who), self.challenge(which)
        staying = user_id in model.stakes and user_id not in model.quitters and user_id != model.host
        allowed = staying and (model.status == "WAITING" or (model.status == "ONGOING" and self.today <= model.due))
        quit_ = lambda: service.quit_challenge(  # noqa: E731
            self.session, challenge_id=challenge_id, user_id=user_id, now=noon(self.today)
        )
        assert self.attempt(quit_) == allowed
        if allowed and model.status == "WAITING":
            model.stakes.remove(user_id)
            self.points[user_id] += model.fee
        elif allowed:
            model.quitters.add(user_id)

    @precondition(lambda self: self.challenges)
    @rule(who=PLACES, which=PLACES)
    def close(self, who: int, which: int) -> None:
        user_id, (challenge_id, model) = self.person(who), self.challenge(which)
        allowed = user_id == model.host and model.status == "WAITING" and len(model.stakes) >= model.least
        close = lambda: service.close_recruiting(self.session, challenge_id=challenge_id, user_id=user_id)  # noqa: E731
        assert self.attempt(close) == allowed
        if allowed:
            model.status = "READY"

    @precondition(lambda self: self.challenges)
    @rule(who=PLACES, which=PLACES)
    def cancel(self, who: int, which: int) -> None:
        user_id, (challenge_id, model) = self.person(who), self.challenge(which)
        allowed = user_id == model.host and model.status in {"WAITING", "READY"}
        cancel = lambda: service.cancel_challenge(  # noqa: E731
            self.session, challenge_id=challenge_id, user_id=user_id
        )
        assert self.attempt(cancel) == allowed
        if allowed:
            self.refund(model)

    @precondition(lambda self: self.challenges)
    @rule(who=PLACES, which=PLACES)
    def verify(self, who: int, which: int) -> None:
        user_id, (challenge_id, model) = self.person(who), self.challenge(which)
        allowed = (
            model.status == "ONGOING"
            and self.today <= model.due
            and user_id in model.stakes
            and user_id not in model.quitters
            and self.today not in model.days.get(user_id, set())
        )
        assert self.attempt(lambda: world.verified(self.session, challenge_id, user_id, self.today)) == allowed
        if allowed:
            model.days.setdefault(user_id, set()).add(self.today)

    @rule()
    def sleep(self) -> None:
        """A night passes, and what is due happens."""
        now = night_after(self.today)
        self.today += timedelta(days=1)
        for challenge_id, model in self.challenges.items():
            _advance_one(self.session, challenge_id, now)
            if model.status in {"WAITING", "READY"} and self.today >= model.start:
                if len(model.stakes) >= model.least:
                    model.status = "ONGOING"
                else:
                    self.refund(model)
            if model.status == "ONGOING" and self.today > model.due:
                self.settle(model)

    def refund(self, model: Model) -> None:
        model.status = "CANCELED"
        for user_id in model.stakes:
            self.points[user_id] += model.fee

    def settle(self, model: Model) -> None:
        model.status = "FINISHED"
        length = (model.due - model.start).days + 1
        stayed = [user_id for user_id in model.stakes if user_id not in model.quitters]
        winners = [user_id for user_id in stayed if len(model.days.get(user_id, ())) / length >= 0.7 - 1e-9] or stayed
        pot = model.fee * len(model.stakes)
        while pot:  # one point at a time, round and round
            for user_id in winners[:pot]:
                self.points[user_id] += 1
            pot -= len(winners[:pot])

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        if not hasattr(self, "session"):
            return
        assert {user_id: point.balance_of(self.session, user_id) for user_id in self.points} == self.points
        self.session.flush()
        self.session.expire_all()
        for challenge_id, model in self.challenges.items():
            challenge = self.session.get_one(Challenge, challenge_id)
            assert challenge.status == model.status
            assert challenge.participant_count == len(model.stakes) - len(model.quitters)
        held = sum(point.full_escrows(self.session).values())
        running = (model for model in self.challenges.values() if model.status in {"WAITING", "READY", "ONGOING"})
        assert held == sum(model.fee * len(model.stakes) for model in running)
        assert held + sum(self.points.values()) == PEOPLE * 3_000
        assert not world.faults(self.session)
        world.now_check(self.session)


def test_any_history_leaves_everybody_with_what_is_theirs(app: Flask) -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
