"""Somebody signs up, confirms the e-mail, forgets the password, and finds the way back; by the mail that arrives."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.mailbox import Mailbox

FIRST, SECOND = "first-try-1!", "second-try-2!"


def sign_up(page: Page) -> str:
    """Through the form; gives the e-mail."""
    email = f"{uuid4().hex[:12]}@nene.test"
    page.goto("/signup")
    page.get_by_label("이메일").fill(email)
    page.get_by_label("비밀번호", exact=True).fill(FIRST)
    page.get_by_label("비밀번호 한 번 더").fill(FIRST)
    page.get_by_label("닉네임").fill(f"새벽{uuid4().hex[:6]}")
    page.get_by_label("생년월일").fill("1995-05-05")
    page.get_by_label("이용약관에 동의해요").check()
    page.get_by_label("개인정보 수집·이용에 동의해요").check()
    page.locator("form[action='/signup'] [type=submit]").click()
    expect(page.locator("#flash")).to_contain_text("가입했어요")
    return email


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/login")
    page.get_by_label("이메일").fill(email)
    page.get_by_label("비밀번호", exact=True).fill(password)
    page.locator("form[action='/login'] [type=submit]").click()


def open_mail(page: Page, mailbox: Mailbox, email: str, subject: str) -> None:
    """Read the newest mail about it, on the page of the stand-in, and follow its link."""
    page.goto(f"{mailbox.url}/mails/{mailbox.wait(email, subject)['id']}")
    page.locator("pre a").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_forgotten_password_is_no_end(
    make_context: Callable[..., BrowserContext], mail_server: Mailbox, scripts: bool
) -> None:
    phone = make_context(java_script_enabled=scripts).new_page()
    email = sign_up(phone)

    # The mail is read in another browser.
    reader = make_context(java_script_enabled=scripts).new_page()
    open_mail(reader, mail_server, email, "이메일을 확인해 주세요")
    expect(reader.locator("#flash")).to_contain_text("이메일을 확인했어요")

    reader.goto("/login")
    reader.get_by_role("link", name="비밀번호를 잊었어요").click()
    reader.get_by_label("이메일").fill(email)
    reader.get_by_role("button", name="링크 받기").click()
    expect(reader.locator("#flash")).to_contain_text("링크를 보내 드려요")
    open_mail(reader, mail_server, email, "새 비밀번호를 정해 주세요")
    link = reader.url
    reader.get_by_label("새 비밀번호", exact=True).fill(SECOND)
    reader.get_by_label("새 비밀번호 한 번 더").fill(SECOND)
    reader.locator("form[action^='/password-reset/'] [type=submit]").click()
    expect(reader.locator("#flash")).to_contain_text("새 비밀번호를 정했어요")

    phone.goto("/me")
    expect(phone).to_have_url(re.compile(r"/login"))  # signed out there too
    sign_in(reader, email, FIRST)
    expect(reader.get_by_text("이메일이나 비밀번호가 맞지 않아요")).to_be_visible()
    sign_in(reader, email, SECOND)
    reader.goto("/me")
    expect(reader).to_have_url(re.compile(r"/me$"))
    reader.goto(link)
    expect(reader.locator("#flash")).to_contain_text("이미 쓴 링크예요")
