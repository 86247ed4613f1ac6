"""The ledger's proof from the database alone (P10)."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from nene.point import queries


def check(session: Session) -> Iterator[str]:
    """Yield a line for each fault: entries that do not balance, wallets unlike their postings or lots."""
    for entry_id, total, count in queries.list_unbalanced_entries(session):
        yield f"entry {entry_id}: {count} postings that sum to {total}"
    for kind, owner, balance, total in queries.list_wrong_balances(session):
        yield f"{kind.lower()} {owner}: balance {balance}, postings sum to {total}"
    for user_id, balance, left in queries.list_wallets_unlike_lots(session):
        yield f"wallet {user_id}: balance {balance}, lots have {left} left"
    for lot_id, left, explained in queries.list_wrong_lots(session):
        yield f"lot {lot_id}: {left} left, uses explain {explained}"
