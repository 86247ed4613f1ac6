"""The worked example of docs/points.md is what the services really post."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.challenge.models import Participant, Share
from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from nene.point.models import Entry, Lot, LotUse, Posting
from nene.point.terms import CLEARING, GRANTS, AccountKind
from tests import world
from tests.servers import ROOT
from tests.world import START, night_after, noon

MEMBERS = "ABCDE"
DAYS = [START + timedelta(days=number) for number in range(5)]
VERIFIED = {"A": DAYS, "B": DAYS[:2], "C": [DAYS[0], *DAYS[2:]], "D": DAYS[:4], "E": DAYS[2:]}
Rows = list[tuple[str, ...]]


class Example:
    """The challenge of the page, lived through; ids as the letters and numbers that the page gives them."""

    def __init__(self) -> None:
        self.users: dict[int, str] = {}
        self.challenge_id = in_transaction(self._begin)
        challenge.advance(noon(START))
        for day in DAYS:
            for user_id, letter in self.users.items():
                if day in VERIFIED[letter]:
                    in_transaction(world.verified, self.challenge_id, user_id, day)
            if day == DAYS[2]:
                self._quit("B", day)
        challenge.advance(night_after(DAYS[-1]))

    def _begin(self, session: Session) -> int:
        self.users = {world.member(session): letter for letter in MEMBERS}
        host, *others = self.users
        point.charge(session, user_id=host, order_id="order-1", amount=6_000)
        for number, user_id in enumerate(self.users, 1):
            amount = 14_000 if user_id == host else 20_000
            point.grant(session, grant_id=str(number), user_id=user_id, amount=amount, note="시험", by=None)
        challenge_id = world.opened(session, host, fee=10_001)
        world.joined(session, challenge_id, *others)
        return challenge_id

    def _quit(self, letter: str, day: date) -> None:
        user_id = next(user_id for user_id, name in self.users.items() if name == letter)
        in_transaction(challenge.quit_challenge, challenge_id=self.challenge_id, user_id=user_id, now=noon(day))

    def account(self, kind: AccountKind, owner: int) -> str:
        return f"wallet {self.users[owner]}" if kind is AccountKind.WALLET else kind.lower()


@pytest.fixture
def example(app: object, committed: None) -> Example:
    return Example()


def table(heading: str) -> Rows:
    """The cells of the table under a heading of the page, without the line of titles."""
    section = (ROOT / "docs/points.md").read_text().split(f"### {heading}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")) for line in lines[2:]]


def signed(amount: int) -> str:
    return f"{amount:+,}"


def test_who_gets_how_much(example: Example) -> None:
    with reading() as session:
        rows = session.execute(
            select(Participant.user_id, Share.verified_days, Participant.quit_at, Share.achieved, Share.points)
            .join(Share, Share.participant_id == Participant.id)
            .order_by(Participant.id)
        ).all()
    shown = [
        (example.users[user_id], str(days), "yes" if quit_at else "no", "yes" if achieved else "no", f"{points:,}")
        for user_id, days, quit_at, achieved, points in rows
    ]
    assert shown == table("Members")


def test_the_entries_and_their_postings(example: Example) -> None:
    with reading() as session:
        letters = dict(session.execute(select(Participant.id, Participant.user_id)).all())
        rows = session.execute(
            select(Entry, Posting).join(Posting, Posting.entry_id == Entry.id).order_by(Entry.id, Posting.id)
        ).all()

    def key_of(entry: Entry) -> str:
        return re.sub(
            r"^(entry|reward):(\d+)$", lambda key: f"{key[1]}:{example.users[letters[int(key[2])]]}", entry.key
        )

    def shown() -> Iterator[tuple[str, ...]]:
        numbers: dict[int, int] = {}
        for entry, posting in rows:
            first = entry.id not in numbers
            number = numbers.setdefault(entry.id, len(numbers) + 1)
            head = (str(number), str(entry.reason), key_of(entry)) if first else ("", "", "")
            after = "" if posting.balance_after is None else f"{posting.balance_after:,}"
            yield (*head, example.account(posting.kind, posting.owner_id), signed(posting.amount), after)

    assert list(shown()) == table("Entries and postings")


def test_the_lots_afterwards(example: Example) -> None:
    with reading() as session:
        entries = {entry_id: n for n, entry_id in enumerate(session.scalars(select(Entry.id).order_by(Entry.id)), 1)}
        lots = session.scalars(select(Lot).order_by(Lot.id)).all()
        uses: dict[int, list[str]] = {lot.id: [] for lot in lots}
        for use in session.scalars(select(LotUse).order_by(LotUse.entry_id)):
            uses[use.lot_id].append(f"entry {entries[use.entry_id]}: {signed(use.amount)}")
    shown = [
        (
            str(number),
            example.users[lot.user_id],
            str(lot.kind),
            str(entries[lot.entry_id]),
            f"{lot.amount:,}",
            ", ".join(uses[lot.id]),
            f"{lot.remaining:,}",
        )
        for number, lot in enumerate(lots, 1)
    ]
    assert shown == table("Lots afterwards")


def test_the_accounts_afterwards(example: Example) -> None:
    with reading() as session:
        wallets = [
            (f"wallet {letter}", point.balance_of(session, user_id)) for user_id, letter in example.users.items()
        ]
        escrow = point.full_escrows(session).get(example.challenge_id, 0)
        system = [(one.kind.lower(), point.account_sum(session, one)) for one in (CLEARING, GRANTS)]
        total = session.scalar(select(func.sum(Posting.amount)))
        faults = world.faults(session)
    accounts = [*wallets, ("escrow", escrow), *system]
    assert [(name, f"{balance:,}") for name, balance in accounts] == table("Accounts afterwards")
    assert sum(balance for _name, balance in accounts) == total == 0
    assert faults == []
