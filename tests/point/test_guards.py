"""What the database itself refuses, whoever asks: P1, P2, P5 and the rules of the table of the ledger."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from nene.point import service as point
from tests import world


@pytest.fixture
def user_id(session: Session) -> int:
    made = world.member(session, 500)
    world.now_check(session)
    return made


def entry(session: Session, key: str = "x") -> int:
    made = session.scalar(
        text(
            "INSERT INTO point_entry (key, reason, about_kind, about_id, about_label, created_at)"
            " VALUES (:key, 'ADMIN_GRANT', '', '', '', now()) RETURNING id"
        ),
        {"key": key},
    )
    return int(made or 0)


def post(session: Session, entry_id: int, kind: str, owner: int, amount: int, after: int | None = None) -> None:
    session.execute(
        text("INSERT INTO point_posting (entry_id, kind, owner_id, amount, balance_after) VALUES (:e, :k, :o, :a, :b)"),
        {"e": entry_id, "k": kind, "o": owner, "a": amount, "b": after},
    )


def lone_posting(session: Session, _user_id: int) -> None:
    post(session, entry(session), "HOUSE", 0, 5)


def unequal_sides(session: Session, _user_id: int) -> None:
    one = entry(session)
    post(session, one, "HOUSE", 0, 5)
    post(session, one, "GRANTS", 0, -4)


def no_postings(session: Session, _user_id: int) -> None:
    entry(session)


def wallet_without_lot(session: Session, user_id: int) -> None:
    one = entry(session)
    post(session, one, "WALLET", user_id, 5, 505)
    post(session, one, "GRANTS", 0, -5)


def balance_below_zero(session: Session, user_id: int) -> None:
    post(session, entry(session), "WALLET", user_id, -501, -1)


def wrong_balance_after(session: Session, user_id: int) -> None:
    post(session, entry(session), "WALLET", user_id, 5, 504)


def missing_wallet(session: Session, _user_id: int) -> None:
    post(session, entry(session), "WALLET", -1, 5, 5)


def same_key(session: Session, _user_id: int) -> None:
    entry(session, "twice")
    entry(session, "twice")


def closed_wallet(session: Session, user_id: int) -> None:
    point.give_up(session, user_id=user_id)
    point.close_wallet(session, user_id=user_id)
    post(session, entry(session), "WALLET", user_id, 5, 5)


def statement(sql: str) -> Callable[[Session, int], None]:
    def run(session: Session, user_id: int) -> None:
        session.execute(text(sql), {"user": user_id})

    return run


REFUSED: dict[str, tuple[Callable[[Session, int], None], str]] = {
    "an entry with one posting": (lone_posting, "does not balance"),
    "postings that do not sum to zero": (unequal_sides, "does not balance"),
    "an entry without postings": (no_postings, "does not balance"),
    "a wallet unlike its lots": (wallet_without_lot, "its lots have"),
    "a balance below zero": (balance_below_zero, "ck_point_account_balance"),
    "a wrong balance after": (wrong_balance_after, "balance_after"),
    "a posting for nobody": (missing_wallet, "missing or closed"),
    "a posting for a closed wallet": (closed_wallet, "missing or closed"),
    "a key twice": (same_key, "uq_point_entry_key"),
    "a second wallet": (statement("INSERT INTO point_account VALUES ('WALLET', :user, 0)"), "pk_point_account"),
    "a wallet that starts with points": (
        statement("INSERT INTO point_account VALUES ('WALLET', -:user, 5)"),
        "starts with 0",
    ),
    "a balance changed by hand": (
        statement("UPDATE point_account SET balance = 9 WHERE owner_id = :user"),
        "changed by postings alone",
    ),
    "a lot changed by hand": (
        statement("UPDATE point_lot SET remaining = 9 WHERE user_id = :user"),
        "changed by postings alone",
    ),
    "a lot of nothing": (
        statement("INSERT INTO point_lot (user_id, entry_id, kind, amount, remaining) SELECT :user, max(id), 'FREE', 5, 4 FROM point_entry"),
        "starts with all",
    ),
    "a closed wallet with points": (
        statement("UPDATE point_account SET closed_at = now() WHERE owner_id = :user"),
        "ck_point_account_closed_empty",
    ),
    **{
        f"{verb} of {table}": (statement(sql.format(table)), "only ever added to")
        for table in ("point_entry", "point_posting", "point_lot_use", "audit")
        for verb, sql in (
            ("an update", "UPDATE {} SET id = id" if table != "point_lot_use" else "UPDATE {} SET amount = amount"),
            ("a deletion", "DELETE FROM {}"),
            ("a truncation", "TRUNCATE {} CASCADE"),
        )
    },
    "a wallet deleted": (statement("DELETE FROM point_account WHERE owner_id = :user"), "only ever added to"),
    "a lot deleted": (statement("DELETE FROM point_lot WHERE user_id = :user"), "only ever added to"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses(session: Session, user_id: int, what: str) -> None:
    act, why = REFUSED[what]

    def act_and_check() -> None:
        act(session, user_id)
        world.now_check(session)

    with pytest.raises(DBAPIError, match=why):
        act_and_check()


def test_the_database_takes_what_balances(session: Session, user_id: int) -> None:
    one = entry(session)
    post(session, one, "HOUSE", 0, 5)
    post(session, one, "GRANTS", 0, -5)
    world.now_check(session)
    assert point.balance_of(session, user_id) == 500
