"""The demo: members with points, and challenges in every state, made by the same services that people use."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from uuid import uuid4

from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.challenge.terms import Category, Terms
from nene.kernel import demo_clock
from nene.kernel.clock import business
from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from nene.point.terms import GRANTS, Move, Reason, Reference, wallet_of
from nene.user import service as user
from nene.user.terms import Role

PASSWORD = "nene-demo-1!"  # noqa: S105 - printed for everybody: it is the demo's own
POINTS = 200_000
ADMIN = "admin@nene.test"
MEMBERS = ("아침달리기", "라떼한잔", "귤두알", "꾸준한별", "작은걸음")
CAST = ("새벽산책", "물한잔", "책벌레", "느긋한곰", "초록우산")  # they fill the challenges; the members start afresh
BORN = date(1995, 5, 5)


def seed() -> list[str]:
    """Make the demo's members and challenges once; gives the members' e-mails. Safe to call again."""
    members = [f"demo{number}@nene.test" for number in range(1, len(MEMBERS) + 1)]
    with reading() as session:
        known = user.find_by_email(session, ADMIN) is not None
    if not known:
        cast = [f"cast{number}@nene.test" for number in range(1, len(CAST) + 1)]
        people = list(zip([*cast, *members, ADMIN], [*CAST, *MEMBERS, "운영자"], strict=True))
        ids = in_transaction(_add, people, user.hash_password(PASSWORD), ADMIN)
        _Stage(ids).build()
    return [*members, ADMIN]


def add_members(count: int) -> list[str]:
    """Make more members with points, who share one password hash; gives their e-mails."""
    batch = uuid4().hex[:6]
    people = [(f"member-{batch}-{number}@nene.test", f"{batch}_{number}") for number in range(1, count + 1)]
    hashed = user.hash_password(PASSWORD)
    in_transaction(_add, people, hashed, None)
    return [email for email, _nickname in people]


def _add(session: Session, people: Sequence[tuple[str, str]], hashed: str, admin: str | None) -> list[int]:
    now = business.now()
    ids = [
        user.create_user(
            session,
            email=email,
            password_hash=hashed,
            nickname=nickname,
            birth_on=BORN,
            role=Role.ADMIN if email == admin else Role.USER,
            confirmed_at=now,
            now=now,
        )
        for email, nickname in people
    ]
    gifts = [
        Move(
            key=f"grant:demo-{user_id}",
            source=GRANTS,
            target=wallet_of(user_id),
            amount=POINTS,
            reason=Reason.ADMIN_GRANT,
            about=Reference("grant", f"demo-{user_id}", "데모 포인트"),
        )
        for user_id in ids
    ]
    point.move_many(session, gifts)
    return ids


class _Stage:
    """Builds the demo's challenges by living through them: each step is given the moment at which it happens."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.people = ids
        self.now = business.now()
        self.today = business.today()

    def build(self) -> None:
        """One challenge for each state, and a second one that recruits; the oldest is lived through first."""
        try:
            self._ongoing()
            self._finished()
            self._ready()
            self._canceled()
            self._waiting()
        finally:
            demo_clock.start()

    def _waiting(self) -> None:
        walk = self._open(0, "퇴근 후 30분 걷기", Category.HEALTH, starts=7, length=21, fee=3_000, least=4)
        self._join(walk, 1, 2, 3)
        call = self._open(
            1, "하루 한 번 부모님께 안부 전화", Category.RELATIONSHIP, starts=2, length=14, fee=2_000, most=6
        )
        self._join(call, 4)

    def _ready(self) -> None:
        read = self._open(2, "자기 전 휴대폰 내려놓기", Category.HABIT, starts=4, length=21, fee=5_000)
        self._join(read, 3, 4)
        in_transaction(challenge.close_recruiting, challenge_id=read, user_id=self.people[2])

    def _ongoing(self) -> None:
        wake = self._open(3, "아침 6시 30분 기상", Category.HABIT, starts=-14, length=21, fee=5_000)
        self._join(wake, 0, 1, 2, 4, days=-15)
        self._live(wake, {3: "", 0: "..x....x......", 1: ".x............", 2: "xxx...........", 4: "x.x.x.x.x....."})

    def _finished(self) -> None:
        write = self._open(4, "5일 아침 글쓰기", Category.STUDY, starts=-6, length=5, fee=10_001, least=3)
        self._join(write, 0, 1, 2, 3, days=-7)
        self._live(write, {4: "xxx..", 0: ".....", 1: "....x", 2: ".x..x", 3: "x...."}, leaves=2)

    def _canceled(self) -> None:
        lunch = self._open(0, "점심 먹고 15분 산책", Category.HEALTH, starts=3, length=7, fee=2_000)
        self._join(lunch, 2)
        in_transaction(challenge.cancel_challenge, challenge_id=lunch, user_id=self.people[0], today=self.today)

    def _open(
        self,
        host: int,
        name: str,
        category: Category,
        *,
        starts: int,
        length: int,
        fee: int,
        least: int = 2,
        most: int = 10,
    ) -> int:
        start = self.today + timedelta(days=starts)
        terms = Terms(
            name=name,
            description=f"{name}, 함께 해요. 오늘 한 일을 한 줄로 남겨 주세요.",
            category=category,
            min_participants=least,
            max_participants=most,
            start_date=start,
            due_date=start + timedelta(days=length - 1),
        )
        moment = self._at(min(starts - 1, 0))
        return in_transaction(challenge.open_challenge, host_id=self.people[host], terms=terms, fee=fee, now=moment)

    def _join(self, challenge_id: int, *people: int, days: int = 0) -> None:
        for person in people:
            join = partial(challenge.join_challenge, challenge_id=challenge_id, user_id=self.people[person])
            in_transaction(join, version=1, now=self._at(days))

    def _live(self, challenge_id: int, missed: dict[int, str], leaves: int | None = None) -> None:
        """Go through the days so far: a dot is a verified day, an x a missed one; `leaves` quits on the third."""
        length = max(len(days) for days in missed.values())
        starts = -6 if leaves is not None else -14
        for number in range(length):
            moment = self._at(starts + number)
            challenge.catch_up(challenge_id, moment)
            for person, days in missed.items():
                if leaves == person and number > 1:
                    continue
                if days[number : number + 1] != "x":
                    self._verify(challenge_id, person, number, moment)
            if leaves is not None and number == 2:  # noqa: PLR2004 - the third day
                in_transaction(
                    challenge.quit_challenge, challenge_id=challenge_id, user_id=self.people[leaves], now=moment
                )
        challenge.catch_up(challenge_id, self._at(0))

    def _verify(self, challenge_id: int, person: int, number: int, moment: datetime) -> None:
        in_transaction(
            challenge.verify,
            challenge_id=challenge_id,
            user_id=self.people[person],
            content=WORDS[(number + person) % len(WORDS)],
            now=moment,
        )

    def _at(self, days: int) -> datetime:
        """The moment so many days from now; the ledger and the inbox are told that it is then."""
        moment = self.now + timedelta(days=days)
        business.stop_at(moment)
        return moment


WORDS = (
    "오늘도 해냈어요. 물 한 잔 마시고 시작했어요.",
    "조금 늦었지만 끝까지 했어요.",
    "비가 와서 실내에서 했어요.",
    "생각보다 가뿐했어요. 내일도 할래요.",
    "딱 30분, 알차게 보냈어요.",
)
