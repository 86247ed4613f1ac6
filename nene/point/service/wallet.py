"""Wallets and escrows: opening, looking, granting, closing."""

from datetime import date

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.kernel import audit
from nene.kernel.clock import business
from nene.kernel.paging import Cursor, Page
from nene.point import queries
from nene.point.errors import NoWallet
from nene.point.models import PointAccount
from nene.point.service.ledger import move
from nene.point.terms import GRANTS, HOUSE, Account, HistoryRow, Moved, Reason, Reference, escrow_of, wallet_of


def open_wallet(session: Session, *, user_id: int) -> None:
    """Give the user a wallet, with 0 points; safe to call twice (U2)."""
    _open(session, wallet_of(user_id))


def open_escrow(session: Session, *, challenge_id: int) -> None:
    """Give the challenge an escrow for its stakes; safe to call twice."""
    _open(session, escrow_of(challenge_id))


def balance_of(session: Session, user_id: int) -> int:
    """What the user can spend, in points; 0 without a wallet."""
    wallet = queries.find_account(session, wallet_of(user_id))
    return wallet.balance if wallet else 0


def account_sum(session: Session, account: Account) -> int:
    """The balance of any account, system accounts too, from its postings."""
    return queries.sum_account(session, account)


def full_escrows(session: Session) -> dict[int, int]:
    """The escrows that hold something, in points, by challenge id."""
    return queries.list_full_escrows(session)


def has_charged(session: Session, user_id: int) -> bool:
    """Whether the user ever bought points: then it must still be known who they were (U9)."""
    return queries.exists_for_wallet(session, user_id, (Reason.CHARGE,))


def has_staked_or_charged(session: Session, user_id: int) -> bool:
    """Whether the user ever staked or charged: from then on the birth date stands (U3)."""
    return queries.exists_for_wallet(session, user_id, (Reason.CHALLENGE_ENTRY, Reason.CHARGE))


def history(
    session: Session,
    user_id: int,
    *,
    cursor: Cursor,
    reason: Reason | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Page[HistoryRow]:
    """A page of the user's own history, newest first (P8)."""
    rows = queries.list_history(session, user_id, reason=reason, since=since, until=until, after=cursor.key())
    return cursor.page(rows, lambda row: (row.id,))


def grant(session: Session, *, grant_id: str, user_id: int, amount: int, note: str, by: int | None) -> Moved:
    """Give points for a reason that is written down (P9); raises AmountWrong, AlreadyMoved for a grant made before.

    `by` is the admin's user id, or none for a command at the console. The caller tells the user.
    """
    moved = move(
        session,
        key=f"grant:{grant_id}",
        source=GRANTS,
        target=wallet_of(user_id),
        amount=amount,
        reason=Reason.ADMIN_GRANT,
        about=Reference("grant", grant_id, note),
    )
    audit.record(session, action="point.grant", target=f"user:{user_id}", who=by, amount=amount, grant=grant_id)
    return moved


def lock_balance(session: Session, *, user_id: int) -> int:
    """What the user can spend, which nobody changes until the step ends. Raises NoWallet."""
    wallet = queries.load_wallets(session, [user_id]).get(user_id)
    if wallet is None:
        raise NoWallet(user_id)
    return wallet.balance


def give_up(session: Session, *, user_id: int) -> int:
    """Post what is left as given up by a person who leaves; gives the number of points (U9)."""
    left = lock_balance(session, user_id=user_id)
    if left:
        move(
            session,
            key=f"withdrawal:{user_id}",
            source=wallet_of(user_id),
            target=HOUSE,
            amount=left,
            reason=Reason.WITHDRAWAL,
            about=Reference("user", str(user_id), "탈퇴"),
        )
    return left


def close_wallet(session: Session, *, user_id: int) -> None:
    """Close an empty wallet: it refuses every movement from now on. Raises NoWallet."""
    wallet = queries.load_wallets(session, [user_id]).get(user_id)
    if wallet is None:
        raise NoWallet(user_id)
    wallet.closed_at = business.now()
    session.flush()


def _open(session: Session, account: Account) -> None:
    row = insert(PointAccount).values(kind=account.kind, owner_id=account.owner, balance=0)
    session.execute(row.on_conflict_do_nothing())
