"""Somebody gives themselves a face: chosen, shown, refused, taken away; with JavaScript and without."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.test_main_loop import sign_up
from tests.servers import Live
from tests.user.pictures import GREEN, file_of, plain

PICTURE = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": file_of(plain(GREEN, size=(1200, 800)), "JPEG")}
WORDS = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": b"just words"}


def save(page: Page) -> None:
    page.get_by_role("button", name="저장하기").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_a_face_of_ones_own(make_context: Callable[..., BrowserContext], live: Live, scripts: bool) -> None:
    page = make_context(java_script_enabled=scripts, device_scale_factor=2).new_page()
    sign_up(page, live)
    page.goto("/me")
    page.get_by_role("link", name="프로필 수정").click()
    expect(page.locator("main svg.face")).to_be_visible()
    page.get_by_label("사진").set_input_files(PICTURE)
    with page.expect_response("**/images/**") as picture:
        save(page)
    assert picture.value.ok
    assert picture.value.url.endswith("/160.webp")  # wide enough for 72 pixels of two dots each
    expect(page).to_have_url(f"{live.url}/me")
    expect(page.locator("main img.face")).to_be_visible()

    page.get_by_role("link", name="프로필 수정").click()
    page.get_by_label("사진", exact=True).set_input_files(WORDS)
    page.get_by_label("소개").fill("아침에 달려요")
    save(page)
    expect(page.locator("#image-problem")).to_contain_text("사진으로 읽을 수 없어요")
    expect(page.get_by_label("소개")).to_have_value("아침에 달려요")

    page.get_by_label("사진 지우기").check()
    save(page)
    expect(page).to_have_url(f"{live.url}/me")
    expect(page.locator("main svg.face")).to_be_visible()
    expect(page.locator("main img.face")).to_have_count(0)
