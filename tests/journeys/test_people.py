"""Somebody looks for another person: typing finds, scrolling goes on; and the same by a plain form."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.test_main_loop import sign_up
from tests.servers import Live

ROWS = "#people > [data-id]"


@pytest.fixture(scope="module")
def crowd(live: Live) -> str:
    """Some thirty people more; gives what all their nicknames begin with."""
    emails = live.flask("demo", "users", "31").split()
    return emails[0].split("-")[1]


def test_typing_finds_and_scrolling_goes_on(page: Page, live: Live, crowd: str) -> None:
    me = sign_up(page, live)
    page.goto("/users")
    expect(page.locator(ROWS)).to_have_count(20)
    page.mouse.wheel(0, 10_000)
    expect(page.locator(ROWS).nth(25)).to_be_attached()
    page.get_by_role("searchbox").press_sequentially(crowd)
    expect(page.locator(ROWS).first).to_contain_text(crowd)
    page.get_by_role("searchbox").fill(f"{crowd}_7")
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.url.endswith(f"/users?q={crowd}_7")
    page.get_by_role("searchbox").fill(uuid4().hex)
    expect(page.locator("#people")).to_contain_text("찾는 사람이 없어요")
    page.get_by_role("link", name="모두 보기").click()
    expect(page.locator(ROWS).first).to_be_visible()
    page.get_by_role("searchbox").fill(me)
    page.get_by_role("link", name=me).click()
    expect(page).to_have_url(f"{live.url}/users/{page.url.rsplit('/', 1)[1]}")
    expect(page.get_by_role("main")).to_contain_text(me)


def test_a_plain_form_finds_too(plain_page: Page, live: Live, crowd: str) -> None:
    sign_up(plain_page, live)
    plain_page.goto("/users")
    plain_page.get_by_role("searchbox").fill(crowd)
    plain_page.get_by_role("button", name="찾기").click()
    expect(plain_page.locator(ROWS)).to_have_count(20)
    plain_page.get_by_role("link", name="더 보기").click()
    expect(plain_page.locator(ROWS)).to_have_count(11)
    expect(plain_page.get_by_role("searchbox")).to_have_value(crowd)
