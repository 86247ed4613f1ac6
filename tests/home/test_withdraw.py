"""U9: leaving, what must be over first, and what stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.home import service
from nene.home.errors import CannotLeave, PointsLeft
from nene.kernel.audit import Audit
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.models import Notification, Preference
from nene.notification.terms import Notice, Type
from nene.point import service as point
from nene.point.errors import WalletClosed
from nene.point.models import Entry, PointAccount, Posting
from nene.point.terms import AccountKind, Reason
from nene.user import service as user
from nene.user.models import User, UserSession
from nene.user.terms import GONE
from tests import world
from tests.conftest import Clocks, Race
from tests.held import hold, let_go
from tests.world import NOW, START, night_after, noon

POINTS = 5_000
FEE = 1_000
BYE = {"password": world.PASSWORD, "confirm": "y"}


@pytest.fixture
def kim(committed: None, clock: Clocks) -> int:
    clock.stop_at(NOW)
    hashed = user.hash_password(world.PASSWORD)
    about = {"email": "kim@nene.test", "nickname": "김씨", "bio": "달려요", "password_hash": hashed}
    return in_transaction(world.member, POINTS, **about)


@pytest.fixture
def client(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


def is_alive(user_id: int) -> bool:
    with reading() as session:
        return user.find_user(session, user_id) is not None


def leave(user_id: int, *, gives_up: bool = True) -> None:
    with reading() as session:
        checked_hash = session.get_one(User, user_id).password_hash
    in_transaction(service.withdraw, user_id=user_id, checked_hash=checked_hash, gives_up=gives_up)


def hosts(session: Session, user_id: int) -> int:
    return world.opened(session, user_id, fee=FEE)


def takes_part(session: Session, user_id: int) -> int:
    opened = world.opened(session, world.member(session, POINTS), fee=FEE)
    world.joined(session, opened, user_id)
    return opened


def test_the_page_says_what_is_lost(client: FlaskClient) -> None:
    page = client.get("/me/withdraw").text
    assert f'value="{POINTS}"' in page
    assert "남은 5,000P를 포기하고 탈퇴할게요." in page
    assert 'name="password"' in page


@pytest.mark.parametrize("password", ["", "wrong-one-1!"])
@pytest.mark.parametrize("htmx", [False, True])
def test_the_password_is_needed(client: FlaskClient, kim: int, password: str, htmx: bool) -> None:
    answer = world.post(client, "/me/withdraw", htmx=htmx, **{**BYE, "password": password})
    assert answer.status_code == 422
    assert 'id="password-problem"' in answer.text
    assert "checked" in answer.text
    assert is_alive(kim)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_password_that_changes_while_it_is_checked_is_checked_again(
    client: FlaskClient, kim: int, htmx: bool
) -> None:
    held = hold("user_account", id=kim)

    def change() -> None:
        held.execute(text("UPDATE user_account SET password_hash = 'another' WHERE id = :id"), {"id": kim})
        held.commit()

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(world.post, client, "/me/withdraw", htmx=htmx, **BYE)
        let_go(held, once_wait=1, then=change)
        refused = answer.result()
    assert refused.status_code == 409
    assert "방금 비밀번호가 바뀌었어요. 새 비밀번호로 다시 해 주세요. 아직 탈퇴하지 않았어요." in refused.text
    assert is_alive(kim)
    with reading() as session:
        assert point.balance_of(session, kim) == POINTS


def test_points_must_be_given_up_in_so_many_words(client: FlaskClient, kim: int) -> None:
    answer = world.post(client, "/me/withdraw", password=world.PASSWORD)
    assert answer.status_code == 409
    assert "포기한다고 확인해 주세요" in answer.text
    assert is_alive(kim)
    with reading() as session:
        assert point.balance_of(session, kim) == POINTS


def test_without_points_nothing_is_to_be_given_up(app: Flask, committed: None) -> None:
    poor = in_transaction(world.member, password_hash=user.hash_password(world.PASSWORD))
    client = world.signed_in(app, poor)
    assert 'name="confirm"' not in client.get("/me/withdraw").text
    assert world.post(client, "/me/withdraw", password=world.PASSWORD).location == "/"
    assert not is_alive(poor)


@pytest.mark.parametrize(
    ("concerned", "reason"),
    [(hosts, "방장인 챌린지 1개가 끝나지 않았어요."), (takes_part, "참가한 챌린지 1개가 끝나지 않았어요.")],
)
def test_whoever_is_in_a_challenge_stays(
    client: FlaskClient, kim: int, concerned: Callable[[Session, int], int], reason: str
) -> None:
    in_transaction(concerned, kim)
    page = client.get("/me/withdraw").text
    assert reason in page
    assert 'name="password"' not in page
    answer = world.post(client, "/me/withdraw", **BYE)
    assert answer.status_code == 409
    assert reason in answer.text
    assert is_alive(kim)
    with reading() as session:
        assert point.balance_of(session, kim) == POINTS - FEE


def test_whoever_has_quit_stays_until_it_is_over(kim: int, clock: Clocks) -> None:
    opened = in_transaction(takes_part, kim)
    clock.stop_at(noon(START))
    challenge.catch_up(opened, noon(START))
    in_transaction(challenge.quit_challenge, challenge_id=opened, user_id=kim, now=noon(START))
    with pytest.raises(CannotLeave) as refused:
        leave(kim)
    assert refused.value.reasons == ["참가한 챌린지 1개가 끝나지 않았어요."]
    challenge.advance(night_after(world.terms().due_date))
    leave(kim)
    assert not is_alive(kim)


def test_a_challenge_that_was_cancelled_holds_nobody(kim: int) -> None:
    opened = in_transaction(hosts, kim)
    in_transaction(challenge.cancel_challenge, challenge_id=opened, user_id=kim)
    leave(kim)
    assert not is_alive(kim)


@pytest.mark.parametrize("htmx", [False, True])
def test_whoever_leaves_is_forgotten(app: Flask, client: FlaskClient, kim: int, htmx: bool) -> None:
    elsewhere, other = world.signed_in(app, kim), world.signed_in(app, in_transaction(world.member))
    answer = world.post(client, "/me/withdraw", htmx=htmx, **BYE)
    assert answer.headers["HX-Redirect" if htmx else "Location"] == "/"
    assert "탈퇴했어요" in client.get("/").text
    for browser in (client, elsewhere):
        assert browser.get("/me").location == "/login?next=/me"
    assert other.get(f"/users/{kim}").status_code == 404
    with reading() as session:
        gone = session.get_one(User, kim)
        assert (gone.nickname, gone.email, gone.birth_on, gone.bio) == (GONE, None, None, "")
        assert (gone.password_hash, gone.email_verified_at, gone.nickname_key) == (None, None, None)
        assert not session.scalars(select(UserSession).where(UserSession.user_id == kim)).all()
        assert user.names_of(session, [kim])[kim].nickname == GONE


def test_the_inbox_and_the_wishes_go_too(kim: int) -> None:
    def tell(session: Session) -> None:
        notice = Notice(key="hello", user_id=kim, type=Type.SYSTEM_ALERT, values={"text": "안녕하세요"})
        notification.notify(session, [notice])
        notification.set_consents(session, user_id=kim, marketing=True, night=True)

    in_transaction(tell)
    leave(kim)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Notification)) == 0
        assert session.scalar(select(func.count()).select_from(Preference)) == 0


def test_e_mail_and_nickname_are_free_again(kim: int) -> None:
    leave(kim)
    assert in_transaction(world.member, email="kim@nene.test", nickname="김씨") != kim


def test_the_ledger_keeps_everything(kim: int) -> None:
    leave(kim)
    with reading() as session:
        own = select(Posting).where(Posting.kind == AccountKind.WALLET, Posting.owner_id == kim).order_by(Posting.id)
        assert [posting.amount for posting in session.scalars(own)] == [POINTS, -POINTS]
        entry = session.scalars(select(Entry).where(Entry.key == f"withdrawal:{kim}")).one()
        assert entry.reason is Reason.WITHDRAWAL
        noted = session.scalars(select(Audit).where(Audit.action == "user.withdraw")).one()
        assert (noted.target, noted.details) == (f"user:{kim}", {"given_up": POINTS})
        assert not world.faults(session)


def test_a_closed_wallet_refuses_every_movement(kim: int) -> None:
    leave(kim)
    with pytest.raises(WalletClosed):
        in_transaction(world.give, kim, 1)
    by_hand = text(
        "WITH entry AS (INSERT INTO point_entry (key, reason, about_kind, about_id, about_label, created_at)"
        " VALUES ('x', 'ADMIN_GRANT', '', '', '', now()) RETURNING id)"
        " INSERT INTO point_posting (entry_id, kind, owner_id, amount, balance_after)"
        " SELECT id, 'WALLET', :user, 1, 1 FROM entry"
    )
    with pytest.raises(DBAPIError, match="missing or closed"):
        in_transaction(lambda session: session.execute(by_hand, {"user": kim}))
    with reading() as session:
        wallet = session.get_one(PointAccount, (AccountKind.WALLET, kim))
        assert (wallet.balance, wallet.closed_at) == (0, NOW)


def test_leaving_twice_at_once_happens_once(kim: int, race: Race) -> None:
    results = race(*[partial(leave, kim)] * 3)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NotThere", "NotThere"]


def test_nothing_is_given_up_unasked(kim: int) -> None:
    with pytest.raises(PointsLeft):
        leave(kim, gives_up=False)
    assert is_alive(kim)


def test_a_gift_beside_leaving_is_given_up_too_or_refused(kim: int, race: Race) -> None:
    gift = partial(in_transaction, world.give, kim, 700)
    _left, given = race(partial(leave, kim), gift)
    with reading() as session:
        gone = session.scalar(select(func.sum(Posting.amount)).where(Posting.kind == AccountKind.HOUSE))
        assert not world.faults(session)
    assert gone == (POINTS if isinstance(given, WalletClosed) else POINTS + 700)
    assert not is_alive(kim)


def test_pressing_leave_twice_says_goodbye_twice(app: Flask, kim: int, race: Race) -> None:
    browsers = [world.signed_in(app, kim) for _ in range(3)]
    results = race(*(partial(world.post, browser, "/me/withdraw", **BYE) for browser in browsers))
    assert [answer.status_code for answer in results] == [303] * 3
    assert not is_alive(kim)


@pytest.mark.parametrize("number", range(6))
def test_nobody_leaves_and_joins_at_once(kim: int, race: Race, number: int) -> None:
    opened = in_transaction(lambda session: world.opened(session, world.member(session, POINTS), fee=FEE))
    join = partial(in_transaction, challenge.join_challenge, challenge_id=opened, user_id=kim, version=1, now=NOW)
    if number % 2:
        left, joined = race(partial(leave, kim), join)
    else:
        joined, left = race(join, partial(leave, kim))
    outcome = (type(left), type(joined))
    assert outcome in {(type(None), NotThere), (CannotLeave, int)}
    assert is_alive(kim) is (outcome[1] is int)
    with reading() as session:
        assert point.full_escrows(session)[opened] == (2 * FEE if outcome[1] is int else FEE)
        assert not world.faults(session)
