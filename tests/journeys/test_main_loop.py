"""Somebody lives through a whole challenge on a phone: sign up, stake, verify, settle; with JavaScript and without."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests import world
from tests.servers import Live

FEE = 10_001
POINTS = 50_000
PASSWORD = "first-try-1!"
PLACE = "아침 6시에 일어나기"
Newcomer = Callable[[], Page]


def sign_up(page: Page, live: Live, points: int = POINTS) -> str:
    """Sign up through the form, and get so many points; gives the nickname."""
    name = f"새벽{uuid4().hex[:6]}"
    email = f"{uuid4().hex[:12]}@nene.test"
    page.goto("/")
    page.get_by_role("link", name="회원가입하고 시작하기").click()
    page.get_by_label("이메일").fill(email)
    page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    page.get_by_label("비밀번호 한 번 더").fill(PASSWORD)
    page.get_by_label("닉네임").fill(name)
    page.get_by_label("생년월일").fill("1995-05-05")
    page.get_by_label("이용약관에 동의해요").check()
    page.get_by_label("개인정보 수집·이용에 동의해요").check()
    page.locator("form[action='/signup'] [type=submit]").click()
    expect(page.locator("#flash")).to_contain_text("가입했어요")
    if points:
        give(live, email, points)
    return name


def give(live: Live, email: str, points: int) -> None:
    """Points out of nowhere, at once: the operators' command, which has tests of its own, takes seconds to start."""
    engine = create_engine(live.environment["NENE_DATABASE_URL"], poolclass=NullPool)
    with Session(engine) as session, session.begin():
        find = text("SELECT id FROM user_account WHERE email = :email")
        world.give(session, session.execute(find, {"email": email}).scalar_one(), points)


def balance(page: Page) -> int:
    return int(page.locator("#balance data").get_attribute("value") or -1)


def today(page: Page) -> date:
    return date.fromisoformat(page.locator("aside.demo time").get_attribute("datetime") or "")


def let_a_day_pass(page: Page) -> None:
    tomorrow = today(page) + timedelta(days=1)
    page.get_by_role("button", name="하루 보내기").click()
    expect(page.locator("aside.demo time")).to_have_attribute("datetime", tomorrow.isoformat())


def open_a_challenge(page: Page, *, days: int) -> str:
    """Through the form; gives its path."""
    page.goto("/challenges/new")
    page.get_by_label("이름").fill(PLACE)
    page.get_by_label("습관").check(force=True)
    page.get_by_label("어떤 약속인가요?").fill("눈을 뜨면 이불 밖으로 나와요.")
    start = today(page) + timedelta(days=1)
    page.get_by_label("시작일").fill(start.isoformat())
    page.get_by_label("종료일").fill((start + timedelta(days=days - 1)).isoformat())
    page.get_by_label("최소 인원").fill("2")
    page.get_by_label("최대 인원").fill("5")
    page.get_by_label("참가비").fill(str(FEE))
    page.get_by_role("button", name="챌린지 만들기").click()
    expect(page.locator("#flash")).to_contain_text("챌린지를 열었어요")
    expect(page.locator("[data-status]").first).to_have_attribute("data-status", "WAITING")
    return page.url


def join(page: Page, url: str) -> None:
    """Find it in the list, read it, and press: the dialog, or the page without scripts, says what it costs."""
    page.goto("/challenges?sort=newest&q=" + PLACE.replace(" ", "%20"))
    page.locator(f"a[href='{url[url.index('/challenges/') :]}']").first.click()
    page.get_by_role("link", name="참가하기").click()
    button = page.get_by_role("button", name="10,001P 걸기")
    expect(page.get_by_text("참가 후 포인트")).to_be_visible()
    button.click()
    expect(page.locator("#flash")).to_contain_text("참가했어요")
    expect(page.locator("#balance data")).to_have_attribute("value", str(POINTS - FEE))


def verify(page: Page, url: str, words: str) -> None:
    page.goto(url)
    page.get_by_label("오늘은 어떻게 해냈나요?").fill(words)
    page.get_by_role("button", name="오늘 도장 찍기").click()
    expect(page.locator("#flash")).to_contain_text("도장이에요")
    expect(page.get_by_text("오늘 도장을 찍었어요.")).to_be_visible()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def newcomer(request: pytest.FixtureRequest, make_context: Callable[..., BrowserContext]) -> Newcomer:
    """A new phone with nobody signed in."""
    return lambda: make_context(java_script_enabled=request.param).new_page()


def test_from_sign_up_to_the_shared_pot(live: Live, newcomer: Newcomer) -> None:
    host, early, lazy = newcomer(), newcomer(), newcomer()
    for page in (host, early, lazy):
        sign_up(page, live)
    url = open_a_challenge(host, days=3)
    host.goto("/points")
    assert balance(host) == POINTS - FEE
    for page in (early, lazy):
        join(page, url)
    let_a_day_pass(host)
    for day in range(3):
        for page in (host, early):
            verify(page, url, f"{day + 1}일째, 해냈어요.")
        if day == 0:
            verify(lazy, url, "오늘은 했어요.")
        let_a_day_pass(host)
    host.goto(url)
    expect(host.locator("[data-status]").first).to_have_attribute("data-status", "FINISHED")
    host.get_by_role("link", name="정산 보기").click()
    expect(host.locator("data[value='15002']").first).to_be_visible()
    expect(host.locator("data[value='30003']").first).to_be_visible()
    for page, share in ((host, 15_002), (early, 15_001), (lazy, 0)):
        page.goto("/points")
        assert balance(page) == POINTS - FEE + share
    expect(early.locator("[data-id]", has_text="보상").first).to_contain_text("15,001P")
    assert "sound" in live.flask("ledger", "verify")


def test_pressing_twice_going_back_and_reloading_stakes_once(live: Live, newcomer: Newcomer) -> None:
    host, guest = newcomer(), newcomer()
    for page in (host, guest):
        sign_up(page, live)
    url = open_a_challenge(host, days=2)
    join(guest, url)
    guest.go_back()
    guest.reload()
    guest.goto(f"{url}/join")
    again = guest.get_by_role("button", name="10,001P 걸기")
    if again.count():
        again.click()
        expect(guest.get_by_text("이미 참가 중이에요").first).to_be_visible()
    guest.goto("/points")
    assert balance(guest) == POINTS - FEE
    guest.goto(url)
    guest.get_by_role("link", name="나가기").or_(guest.get_by_role("link", name="그만두기")).first.click()
    guest.get_by_role("button", name="나가기").click()
    expect(guest.locator("#flash")).to_contain_text("돌려받았어요")
    guest.goto("/points")
    assert balance(guest) == POINTS


def test_without_the_network_nothing_is_lost(live: Live, make_context: Callable[..., BrowserContext]) -> None:
    context = make_context()
    page = context.new_page()
    sign_up(page, live)
    url = open_a_challenge(page, days=2)
    other = make_context().new_page()
    sign_up(other, live)
    other.goto(url)
    other.get_by_role("link", name="참가하기").click()
    other.context.set_offline(True)
    other.get_by_role("button", name="10,001P 걸기").click()
    expect(other.locator("#flash")).to_contain_text("아무것도 처리되지 않았습니다")
    other.context.set_offline(False)
    other.get_by_role("link", name="참가하기").click()
    other.get_by_role("button", name="10,001P 걸기").click()
    expect(other.locator("#flash")).to_contain_text("참가했어요")
