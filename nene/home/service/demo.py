"""The demo: members with points, and challenges in every state, made by the same services that people use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import uuid4

from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.challenge.terms import Category, Terms
from nene.kernel import demo_clock
from nene.kernel.clock import business, seoul_date
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
        now = business.now()
        try:
            business.stop_at(now + timedelta(days=FIRST_DAY))
            ids = in_transaction(_add, people, user.hash_password(PASSWORD), ADMIN)
            _Stage(ids, now).play()
        finally:
            demo_clock.start()
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A challenge of the demo. Days count from today; people by their place in CAST, the host first.

    `days` has for each of them a dot for a day verified and an x for a day missed, up to today.
    """

    name: str
    category: Category
    fee: int
    starts: int
    length: int
    days: dict[int, str]
    opens: int = -1
    least: int = 2
    most: int = 10
    leaves: tuple[int, int] | None = None  # who, and on which day
    closes: bool = False
    cancels: bool = False


PLANS = (
    Plan(
        name="아침 6시 30분 기상",
        category=Category.HABIT,
        fee=5_000,
        opens=-16,
        starts=-14,
        length=21,
        days={
            3: "..............",
            0: "..x....x......",
            1: ".x............",
            2: "xxx...........",
            4: "x.x.x.x.x.....",
        },
    ),
    Plan(
        name="5일 아침 글쓰기",
        category=Category.STUDY,
        fee=10_001,
        opens=-8,
        starts=-6,
        length=5,
        least=3,
        days={4: "xxx..", 0: ".....", 1: "....x", 2: ".xx", 3: "x...."},
        leaves=(2, -3),
    ),
    Plan(
        name="자기 전 휴대폰 내려놓기",
        category=Category.HABIT,
        fee=5_000,
        starts=4,
        length=21,
        days={2: "", 3: "", 4: ""},
        closes=True,
    ),
    Plan(
        name="점심 먹고 15분 산책",
        category=Category.HEALTH,
        fee=2_000,
        starts=3,
        length=7,
        days={0: "", 2: ""},
        cancels=True,
    ),
    Plan(
        name="퇴근 후 30분 걷기",
        category=Category.HEALTH,
        fee=3_000,
        starts=7,
        length=21,
        least=4,
        days={0: "", 1: "", 2: "", 3: ""},
    ),
    Plan(
        name="하루 한 번 부모님께 안부 전화",
        category=Category.RELATIONSHIP,
        fee=2_000,
        starts=2,
        length=14,
        most=6,
        days={1: "", 4: ""},
    ),
)
FIRST_DAY = min(plan.opens for plan in PLANS)


class _Stage:
    """Lives through the demo's challenges day by day; the ledger and the inbox are told that it is then."""

    def __init__(self, people: Sequence[int], now: datetime) -> None:
        self.people = people
        self.now = now
        self.opened: dict[str, int] = {}

    def play(self) -> None:
        """From the first day until now."""
        for day in range(FIRST_DAY, 1):
            moment = self.now + timedelta(days=day)
            business.stop_at(moment)
            for plan in PLANS:
                if day == plan.opens:
                    self._open(plan, moment)
                if plan.name in self.opened:
                    self._spend_day(plan, day, moment)

    def _open(self, plan: Plan, moment: datetime) -> None:
        start = seoul_date(self.now) + timedelta(days=plan.starts)
        terms = Terms(
            name=plan.name,
            description=f"{plan.name}, 함께 해요. 오늘 한 일을 한 줄로 남겨 주세요.",
            category=plan.category,
            min_participants=plan.least,
            max_participants=plan.most,
            start_date=start,
            due_date=start + timedelta(days=plan.length - 1),
        )
        host, *guests = (self.people[place] for place in plan.days)
        opened = in_transaction(challenge.open_challenge, host_id=host, terms=terms, fee=plan.fee, now=moment)
        for user_id in guests:
            in_transaction(challenge.join_challenge, challenge_id=opened, user_id=user_id, version=1, now=moment)
        if plan.closes:
            in_transaction(challenge.close_recruiting, challenge_id=opened, user_id=host)
        if plan.cancels:
            in_transaction(challenge.cancel_challenge, challenge_id=opened, user_id=host)
        self.opened[plan.name] = opened

    def _spend_day(self, plan: Plan, day: int, moment: datetime) -> None:
        opened = self.opened[plan.name]
        challenge.catch_up(opened, moment)
        number = day - plan.starts
        for place, days in plan.days.items():
            if 0 <= number < len(days) and days[number] == ".":
                words = WORDS[(number + place) % len(WORDS)]
                in_transaction(
                    challenge.verify,
                    challenge_id=opened,
                    user_id=self.people[place],
                    content=words,
                    now=moment,
                )
        if plan.leaves and day == plan.leaves[1]:
            leaver = self.people[plan.leaves[0]]
            in_transaction(challenge.quit_challenge, challenge_id=opened, user_id=leaver, now=moment)


WORDS = (
    "오늘도 해냈어요. 물 한 잔 마시고 시작했어요.",
    "조금 늦었지만 끝까지 했어요.",
    "비가 와서 실내에서 했어요.",
    "생각보다 가뿐했어요. 내일도 할래요.",
    "딱 30분, 알차게 보냈어요.",
)
