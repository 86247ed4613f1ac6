"""The one way in which points move (P11)."""

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.kernel.clock import business
from nene.point import queries
from nene.point.errors import AlreadyMoved, AmountWrong, KeyReused, LotsWrong, NotEnoughPoints, NoWallet, WalletClosed
from nene.point.models import Entry, Lot, LotUse, Posting
from nene.point.rules import take_oldest
from nene.point.terms import LARGEST_MOVE, Account, AccountKind, LotKind, Move, Moved, Reason, Reference

Taken = list[tuple[int, int]]  # lot id, points


def move(
    session: Session,
    *,
    key: str,
    source: Account,
    target: Account,
    amount: int,
    reason: Reason,
    about: Reference,
    undoes: str | None = None,
) -> Moved:
    """Move points once: `move_many` with one move."""
    one = Move(key=key, source=source, target=target, amount=amount, reason=reason, about=about, undoes=undoes)
    return move_many(session, [one])[0]


def move_many(session: Session, moves: Sequence[Move], *, again: bool = False) -> list[Moved]:
    """Post moves, all or none; `again` is for a job that may run twice: a key posted before is then passed over.

    Locks the wallets in the order of their users' ids. Raises NotEnoughPoints and WalletClosed, and for faults of the
    caller AmountWrong, KeyReused, AlreadyMoved, NoWallet, LotsWrong.
    """
    if not moves:
        return []
    _check(moves)
    balances = _lock_wallets(session, moves)
    ids, fresh = _claim_keys(session, moves, again=again)
    if fresh:
        _Posting(session, balances, ids).post(fresh)
    created = {one.key for one in fresh}
    return [Moved(ids[one.key], one.key in created) for one in moves]


def _check(moves: Sequence[Move]) -> None:
    if len({one.key for one in moves}) != len(moves):
        message = "a key stands twice in one call"
        raise KeyReused(message)
    for one in moves:
        if type(one.amount) is not int or not 0 < one.amount <= LARGEST_MOVE:
            message = f"{one.key}: {one.amount!r} is no positive whole number of points, or too large"
            raise AmountWrong(message)
        if one.source == one.target:
            message = f"{one.key}: points cannot move in a circle"
            raise AmountWrong(message)


def _lock_wallets(session: Session, moves: Sequence[Move]) -> dict[int, int]:
    sides = {side for one in moves for side in (one.source, one.target)}
    user_ids = sorted(side.owner for side in sides if side.kind is AccountKind.WALLET)
    if not user_ids:
        return {}
    wallets = queries.load_wallets(session, user_ids)
    for user_id in user_ids:
        if user_id not in wallets:
            raise NoWallet(user_id)
        if wallets[user_id].closed_at is not None:
            raise WalletClosed
    return {user_id: wallet.balance for user_id, wallet in wallets.items()}


def _claim_keys(session: Session, moves: Sequence[Move], *, again: bool) -> tuple[dict[str, int], list[Move]]:
    now = business.now()
    rows = [
        {
            "key": one.key,
            "reason": one.reason,
            "about_kind": one.about.kind,
            "about_id": one.about.id,
            "about_label": one.about.label,
            "created_at": now,
        }
        for one in moves
    ]
    claim = insert(Entry).on_conflict_do_nothing(index_elements=["key"]).returning(Entry.key, Entry.id)
    ids: dict[str, int] = dict(session.execute(claim, rows).all())
    known = [one for one in moves if one.key not in ids]
    if known and not again:
        raise AlreadyMoved(known[0].key)
    posted = queries.find_entries(session, [one.key for one in known]) if known else {}
    for one in known:
        entry_id, *content = posted[one.key]
        if content[0] != one.reason or content[2:] != [one.source, one.target, one.amount]:
            raise KeyReused(one.key)
        ids[one.key] = entry_id
    return ids, [one for one in moves if one.key not in posted]


class _Posting:
    """The rows of one call, gathered and then written in sets; the database applies them to balances and lots."""

    def __init__(self, session: Session, balances: dict[int, int], entry_ids: dict[str, int]) -> None:
        self._session = session
        self._balances = balances
        self._entry_ids = entry_ids
        self._postings: list[dict[str, object]] = []
        self._lots: list[dict[str, object]] = []
        self._uses: list[dict[str, object]] = []

    def post(self, moves: Sequence[Move]) -> None:
        spenders = {one.source.owner for one in moves if one.source.kind is AccountKind.WALLET}
        self._open_lots = queries.list_open_lots(self._session, spenders) if spenders else {}
        undone = [one.undoes for one in moves if one.undoes]
        self._undone = queries.list_uses(self._session, undone) if undone else {}
        for one in moves:
            self._add(one)
        for table, rows in ((Posting, self._postings), (Lot, self._lots), (LotUse, self._uses)):
            if rows:
                self._session.execute(insert(table), rows)

    def _add(self, one: Move) -> None:
        if one.source.kind is AccountKind.WALLET:
            self._use(one, [(lot, -points) for lot, points in self._spend(one)])
        if one.target.kind is AccountKind.WALLET:
            if one.undoes:
                self._use(one, self._give_back(one))
            else:
                self._make_lot(one)
        self._write(one, one.source, -one.amount)
        self._write(one, one.target, one.amount)

    def _spend(self, one: Move) -> Taken:
        user_id = one.source.owner
        balance = self._balances[user_id]
        if balance < one.amount:
            raise NotEnoughPoints(needed=one.amount, balance=balance)
        lots = self._open_lots[user_id]
        if one.from_lot_of:
            lot = queries.find_lot(self._session, one.from_lot_of)
            if lot is None or lot.user_id != user_id or lot.remaining < one.amount:
                raise LotsWrong(one.key)
            taken = [(lot.id, one.amount)]
        else:
            taken = take_oldest(lots, one.amount)
        gone = dict(taken)
        self._open_lots[user_id] = [(lot_id, left - gone.get(lot_id, 0)) for lot_id, left in lots]
        return taken

    def _give_back(self, one: Move) -> Taken:
        taken = self._undone[str(one.undoes)]
        if sum(points for _lot, points in taken) != one.amount:
            raise LotsWrong(one.key)
        return taken

    def _use(self, one: Move, uses: Taken) -> None:
        entry_id = self._entry_ids[one.key]
        self._uses += [{"entry_id": entry_id, "lot_id": lot_id, "amount": points} for lot_id, points in uses]

    def _make_lot(self, one: Move) -> None:
        self._lots.append(
            {
                "user_id": one.target.owner,
                "entry_id": self._entry_ids[one.key],
                "kind": LotKind.PAID if one.reason is Reason.CHARGE else LotKind.FREE,
                "amount": one.amount,
                "remaining": one.amount,
            }
        )

    def _write(self, one: Move, side: Account, amount: int) -> None:
        after: int | None = None
        if side.kind is AccountKind.WALLET:
            after = self._balances[side.owner] = self._balances[side.owner] + amount
        self._postings.append(
            {
                "entry_id": self._entry_ids[one.key],
                "kind": side.kind,
                "owner_id": side.owner,
                "amount": amount,
                "balance_after": after,
            }
        )
