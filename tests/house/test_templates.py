"""What templates may not hold: nothing inline, nothing that the Content-Security-Policy forbids, no form for HTMX alone."""

import re
from collections.abc import Iterator

import pytest

from tests.house.code import ROOT

LONGEST = 150
FORBIDDEN = {
    r"<script(?![^>]*\bsrc=)": "a script has its own file",
    r"<style\b": "style has its own file",
    r"\sstyle\s*=": "style has its own file",
    r"\son[a-z]+\s*=": "a script has its own file",
    r"hx-on": "the Content-Security-Policy forbids hx-on",
    r"=\s*[\"']?(?:js|javascript):": "the Content-Security-Policy forbids js:",
    r"hx-trigger=\"(?:[^\"]*[\s,])?[\w-]+\[": "the Content-Security-Policy forbids trigger filters",
}


def faults(name: str, text: str) -> Iterator[str]:
    """What is wrong with a template."""
    for pattern, fault in FORBIDDEN.items():
        if re.search(pattern, text, re.IGNORECASE):
            yield f"{name}: {fault}"
    if text.count("\n") > LONGEST and name != "_ui.html":  # the macros, one file by its own rule
        yield f"{name}: longer than {LONGEST} lines"
    fragment = name.rsplit("/", 1)[-1].startswith("_") and "/" in name
    if fragment and not text.startswith("{# needs:"):
        yield f"{name}: a fragment begins with what it needs: {{# needs: challenge, joined #}}"
    for tag in re.findall(r"<form\b(?:[^>\"]|\"[^\"]*\")*>", text):
        if "hx-post" in tag and not ("action=" in tag and "method=" in tag):
            yield f"{name}: a form with hx-post has a method and an action too"
    for tag in re.findall(r"<(?!form\b)[a-z]+\b(?:[^>\"]|\"[^\"]*\")*>", text):
        if "hx-post" in tag:
            yield f"{name}: hx-post belongs on a form, which works without JavaScript"


def test_templates_keep_the_rules() -> None:
    folder = ROOT / "templates"
    found = [(str(path.relative_to(folder)), path.read_text()) for path in sorted(folder.rglob("*.html"))]
    assert [fault for name, text in found for fault in faults(name, text)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("point/index.html", "<script>go()</script>"),
        ("point/index.html", "<style>p {}</style>"),
        ("point/index.html", '<p style="color: red">'),
        ("point/index.html", '<button onclick="go()">'),
        ("point/index.html", '<a hx-on:click="go()">'),
        ("point/index.html", '<a href="javascript:go()">'),
        ("point/index.html", '<p hx-trigger="click[ctrlKey]">'),
        ("point/index.html", "\n" * 151),
        ("point/_row.html", "<li></li>"),
        ("point/index.html", '<form hx-post="/points">'),
        ("point/index.html", '<button hx-post="/points">'),
    ],
)
def test_a_fault_is_found(name: str, text: str) -> None:
    assert list(faults(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("layout.html", '<script src="/static/vendor/htmx.min.js" nonce="{{ csp_nonce() }}" defer></script>'),
        ("point/_row.html", "{# needs: entry #}\n<li>\n</li>"),
        (
            "point/index.html",
            '<p hx-trigger="input changed delay:250ms from:[name=q], change from:select[name=reason]">',
        ),
        ("point/index.html", '<form method="post" action="{{ url(a > b) }}" hx-post="/points"><button>'),
    ],
)
def test_the_rest_is_left_in_peace(name: str, text: str) -> None:
    assert list(faults(name, text)) == []
