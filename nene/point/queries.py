"""Every SELECT of the ledger."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from nene.kernel.clock import seoul_midnight
from nene.kernel.paging import SIZE, Key
from nene.point.models import Entry, Lot, LotUse, PointAccount, Posting
from nene.point.terms import Account, AccountKind, HistoryRow, Reason, Reference


def load_wallets(session: Session, user_ids: Collection[int]) -> dict[int, PointAccount]:
    """The wallets, locked in the order of their users' ids, so that no two moves wait for each other."""
    wallets = (
        select(PointAccount)
        .where(PointAccount.kind == AccountKind.WALLET, PointAccount.owner_id.in_(user_ids))
        .order_by(PointAccount.owner_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {wallet.owner_id: wallet for wallet in session.scalars(wallets)}


def find_account(session: Session, account: Account) -> PointAccount | None:
    """An account with a balance of its own, not locked."""
    return session.get(PointAccount, (account.kind, account.owner))


def list_open_lots(session: Session, user_ids: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """For each user the lots with something left, oldest first, as (id, remaining)."""
    lots: dict[int, list[tuple[int, int]]] = {user_id: [] for user_id in user_ids}
    rows = select(Lot.user_id, Lot.id, Lot.remaining).where(Lot.user_id.in_(user_ids), Lot.remaining > 0)
    for user_id, lot_id, remaining in session.execute(rows.order_by(Lot.user_id, Lot.id)):
        lots[user_id].append((lot_id, remaining))
    return lots


def list_uses(session: Session, keys: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """For each key of a spending move what it took from which lots, as (lot id, points)."""
    uses: dict[str, list[tuple[int, int]]] = {key: [] for key in keys}
    rows = select(Entry.key, LotUse.lot_id, -LotUse.amount).join(LotUse, LotUse.entry_id == Entry.id)
    for key, lot_id, amount in session.execute(rows.where(Entry.key.in_(uses)).order_by(Entry.id, LotUse.lot_id)):
        uses[key].append((lot_id, amount))
    return uses


def find_lot(session: Session, key: str) -> Lot | None:
    """The lot that the move with this key made, as it is now."""
    lot = select(Lot).join(Entry, Entry.id == Lot.entry_id).where(Entry.key == key)
    return session.scalar(lot.execution_options(populate_existing=True))


def is_lot_cancelled(session: Session, lot_id: int) -> bool:
    """Whether a cancelled charge took the lot back and it was not restored."""
    reasons = (Reason.CHARGE_CANCEL, Reason.CHARGE_RESTORE)
    taken = select(func.coalesce(func.sum(LotUse.amount), 0)).join(Entry, Entry.id == LotUse.entry_id)
    return (session.scalar(taken.where(LotUse.lot_id == lot_id, Entry.reason.in_(reasons))) or 0) < 0


def find_entries(
    session: Session, keys: Collection[str]
) -> dict[str, tuple[int, Reason, Reference, Account, Account, int]]:
    """What was posted under these keys: id, reason, reference, source, target, amount."""
    found: dict[str, tuple[int, Reason, Reference, Account, Account, int]] = {}
    rows = (
        select(Entry, Posting.kind, Posting.owner_id, Posting.amount)
        .join(Posting, Posting.entry_id == Entry.id)
        .where(Entry.key.in_(keys))
        .order_by(Entry.id, Posting.amount)
    )
    sources: dict[int, Account] = {}
    for entry, kind, owner, amount in session.execute(rows):
        account = Account(kind, owner)
        if amount < 0:
            sources[entry.id] = account
        else:
            about = Reference(entry.about_kind, entry.about_id, entry.about_label)
            found[entry.key] = (entry.id, entry.reason, about, sources[entry.id], account, amount)
    return found


def exists_for_wallet(session: Session, user_id: int, reasons: Collection[Reason]) -> bool:
    """Whether the wallet ever moved for one of these reasons."""
    some = _history(user_id).where(Entry.reason.in_(reasons)).limit(1)
    return session.execute(some).first() is not None


def list_history(
    session: Session, user_id: int, *, reason: Reason | None, since: date | None, until: date | None, after: Key | None
) -> list[HistoryRow]:
    """One more than a page of a wallet's history, newest first; both dates are counted, in Seoul."""
    rows = _history(user_id).order_by(Posting.id.desc()).limit(SIZE + 1)
    if reason is not None:
        rows = rows.where(Entry.reason == reason)
    if since is not None:
        rows = rows.where(Entry.created_at >= seoul_midnight(since))
    if until is not None:
        rows = rows.where(Entry.created_at < seoul_midnight(until + timedelta(days=1)))
    if after is not None:
        rows = rows.where(Posting.id < after[0])
    return [_history_row(row) for row in session.execute(rows)]


def sum_account(session: Session, account: Account) -> int:
    """The balance of any account, from its postings."""
    total = select(func.coalesce(func.sum(Posting.amount), 0))
    return int(session.scalar(total.where(Posting.kind == account.kind, Posting.owner_id == account.owner)) or 0)


def list_cleared(session: Session) -> list[Row[str, int]]:
    """For each order the points of it that came in and were not taken back: (order id, points)."""
    points = -func.sum(Posting.amount)
    rows = select(Entry.about_id, points).join(Posting, Posting.entry_id == Entry.id)
    return list(session.execute(rows.where(Posting.kind == AccountKind.CLEARING).group_by(Entry.about_id)).all())


def list_unbalanced_entries(session: Session) -> list[Row[int, int, int]]:
    """Entries whose postings do not sum to zero or are fewer than two: id, sum, count."""
    total = func.coalesce(func.sum(Posting.amount), 0)
    rows = select(Entry.id, total, func.count(Posting.id)).outerjoin(Posting, Posting.entry_id == Entry.id)
    return list(session.execute(rows.group_by(Entry.id).having(or_(total != 0, func.count(Posting.id) < 2))))  # noqa: PLR2004


def list_wrong_balances(session: Session) -> list[Row[AccountKind, int, int, int]]:
    """Accounts whose balance is not the sum of their postings, or postings without an account: kind, owner, balance, sum."""
    kept = (AccountKind.WALLET, AccountKind.ESCROW)
    sums = select(Posting.kind, Posting.owner_id, func.sum(Posting.amount).label("total"))
    total = sums.where(Posting.kind.in_(kept)).group_by(Posting.kind, Posting.owner_id).subquery()
    same = and_(PointAccount.kind == total.c.kind, PointAccount.owner_id == total.c.owner_id)
    rows = select(
        func.coalesce(PointAccount.kind, total.c.kind),
        func.coalesce(PointAccount.owner_id, total.c.owner_id),
        func.coalesce(PointAccount.balance, -1),
        func.coalesce(total.c.total, 0),
    ).select_from(PointAccount)
    rows = rows.join(total, same, full=True)
    return list(session.execute(rows.where(func.coalesce(PointAccount.balance, -1) != func.coalesce(total.c.total, 0))))


def list_wallets_unlike_lots(session: Session) -> list[Row[int, int, int]]:
    """Wallets whose balance is not what their lots have left: user, balance, left."""
    left = select(Lot.user_id, func.sum(Lot.remaining).label("left")).group_by(Lot.user_id).subquery()
    rows = select(PointAccount.owner_id, PointAccount.balance, func.coalesce(left.c.left, 0))
    rows = rows.outerjoin(left, left.c.user_id == PointAccount.owner_id)
    wrong = and_(PointAccount.kind == AccountKind.WALLET, PointAccount.balance != func.coalesce(left.c.left, 0))
    return list(session.execute(rows.where(wrong)))


def list_wrong_lots(session: Session) -> list[Row[int, int, int]]:
    """Lots that have left what their uses do not explain: id, left, explained."""
    used = select(LotUse.lot_id, func.sum(LotUse.amount).label("used")).group_by(LotUse.lot_id).subquery()
    explained = Lot.amount + func.coalesce(used.c.used, 0)
    rows = select(Lot.id, Lot.remaining, explained).outerjoin(used, used.c.lot_id == Lot.id)
    return list(session.execute(rows.where(Lot.remaining != explained)))


def list_full_escrows(session: Session) -> dict[int, int]:
    """The escrows that hold something, by challenge id."""
    rows = select(PointAccount.owner_id, PointAccount.balance)
    full = rows.where(PointAccount.kind == AccountKind.ESCROW, PointAccount.balance != 0)
    return dict(session.execute(full).all())


def _history(user_id: int) -> Select[Posting, Entry]:
    own = and_(Posting.kind == AccountKind.WALLET, Posting.owner_id == user_id)
    return select(Posting, Entry).join(Entry, Entry.id == Posting.entry_id).where(own)


def _history_row(row: Row[Posting, Entry]) -> HistoryRow:
    posting, entry = row
    about = Reference(entry.about_kind, entry.about_id, entry.about_label)
    return HistoryRow(posting.id, entry.created_at, entry.reason, posting.amount, posting.balance_after or 0, about)
