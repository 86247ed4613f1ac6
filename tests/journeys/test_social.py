"""Somebody comes by way of a provider, comes back by it, links another and lets the first one go."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.crowd import wait_until
from tests.standins import OAuth


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, make_context: Callable[..., BrowserContext]) -> Page:
    """A new phone with nobody signed in."""
    return make_context(java_script_enabled=request.param).new_page()


def be(page: Page, name: str, identity: str) -> None:
    """Say at the provider who one is, and agree."""
    expect(page.get_by_text(f"연습용 {name}", exact=True)).to_be_visible()
    page.get_by_label("직접 적기").check()
    page.get_by_label("아이디").fill(identity)
    page.get_by_role("button", name="동의하고 계속하기").click()


def test_from_a_provider_and_back_again(page: Page, oauth: OAuth) -> None:
    identity = uuid4().hex
    page.goto("/login?next=/me/password")
    page.get_by_role("link", name="카카오 로그인").click()
    be(page, "카카오", str(int(identity[:12], 16)))
    page.get_by_label("이메일").fill(f"{identity[:12]}@nene.test")
    page.get_by_label("닉네임").fill(f"구름{identity[:6]}")
    page.get_by_label("생년월일").fill("1995-05-05")
    page.get_by_label("이용약관에 동의해요").check()
    page.get_by_label("개인정보 수집·이용에 동의해요").check()
    page.locator("form[action='/signup/social'] [type=submit]").click()
    expect(page.locator("#flash")).to_contain_text("가입했어요")
    expect(page.locator("[data-id=kakao]").get_by_role("button", name="연결 끊기")).to_be_visible()

    page.locator("[data-id=kakao]").get_by_role("button").click()
    expect(page.get_by_text("로그인할 방법이 하나는 있어야 해요")).to_be_visible()
    page.goto("/me/password")
    page.locator("[data-id=google]").get_by_role("button", name="연결하기").click()
    be(page, "구글", identity)
    expect(page.locator("#flash")).to_contain_text("연결했어요")
    page.locator("[data-id=kakao]").get_by_role("button", name="연결 끊기").click()
    expect(page.locator("#flash")).to_contain_text("연결을 끊었어요")
    wait_until(lambda: [one[0] for one in oauth.look()["unlinked"]] == ["kakao"])

    page.goto("/me")
    page.get_by_role("button", name="로그아웃").click()
    page.goto("/login")
    page.get_by_role("link", name="Google로 로그인").click()
    be(page, "구글", identity)
    expect(page.locator("#balance data").first).to_have_attribute("value", "0")


def test_who_refuses_is_where_they_were(page: Page) -> None:
    page.goto("/login")
    page.get_by_role("link", name="네이버 로그인").click()
    page.get_by_role("button", name="거절하기").click()
    expect(page.locator("#flash")).to_contain_text("동의하지 않아서")
    expect(page.get_by_role("link", name="네이버 로그인")).to_be_visible()
