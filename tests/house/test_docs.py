"""The pages of docs/ name what exists, and miss nothing that they are there to list."""

import ast
import re
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from nene.kernel.settings import Settings
from tasks import schedule
from tests.house.code import ROOT

RULES = {
    *(f"U{number}" for number in range(1, 17)),
    *(f"C{number}" for number in range(1, 21)),
    *(f"P{number}" for number in range(1, 12)),
    *(f"M{number}" for number in range(1, 17)),
    *("N2", "R4", "R5", "O1", "O2", "O4", "O5", "O6"),
}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def rules_of(page: str) -> dict[str, str]:
    """Each rule of the page by its number; a rule is a list item that begins with one."""
    found: dict[str, str] = {}
    for item in re.split(r"^- (?=[A-Z]\d+ )", page, flags=re.MULTILINE)[1:]:
        number, text = item.split(" ", 1)
        assert number not in found, f"{number} stands twice"
        found[number] = re.split(r"^#", text, flags=re.MULTILINE)[0]
    return found


def faults_of(rules: dict[str, str]) -> Iterator[str]:
    """Rules without a test, and tests that are named but not there."""
    for number, text in rules.items():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
        if not named:
            yield f"{number}: no test is named"
        for path, test in named:
            if test not in declared_tests(path):
                yield f"{number}: there is no {path}::{test}"


@cache
def declared_tests(path: str) -> set[str]:
    """The tests of a file."""
    if not (ROOT / path).exists():
        return set()
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def settings_of(page: str) -> list[tuple[str, str]]:
    """Name and default of each line of the table of settings."""
    section = page.split("\n## Settings\n")[1].split("\n## ", maxsplit=1)[0]
    return re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|", section, flags=re.MULTILINE)


def settings_of_the_code() -> list[tuple[str, str]]:
    named = []
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"NENE_{name.upper()}")
        assert field.default is not PydanticUndefined
        named.append((variable, "" if field.default is None else str(field.default)))
    return named


def jobs_of(page: str) -> list[str]:
    """The name of each job in the table of what runs when."""
    section = page.split("\n## What runs when\n")[1].split("\n## ", maxsplit=1)[0]
    return re.findall(r"^\|.*\| `([a-z_.]+)` \|$", section, flags=re.MULTILINE)


def jobs_of_the_clock() -> list[str]:
    """Those that are asked for by name; the relay has none."""
    return [job.args[0] for _trigger, job in schedule.jobs() if isinstance(job, partial)]


def paths_named(page: str) -> Iterator[str]:
    """What a page names in code quotes as a path of the repository, and where its links lead."""
    for quoted in re.findall(r"`((?:nene|tasks|tests|templates|static|migrations|docs|stubs|bench)/[^`\s]*)`", page):
        if not set("{<…*") & set(quoted):
            yield quoted.split("::")[0]


def links_of(page: str) -> Iterator[str]:
    return (link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page) if "://" not in link)


def test_every_rule_is_restated_and_proven() -> None:
    rules = rules_of((ROOT / "docs/rules.md").read_text())
    assert RULES - set(rules) == set()
    assert list(faults_of(rules)) == []


def test_every_setting_is_in_the_table_with_its_default() -> None:
    assert settings_of((ROOT / "docs/operations.md").read_text()) == settings_of_the_code()


def test_every_job_of_the_clock_is_in_the_table() -> None:
    assert jobs_of((ROOT / "docs/operations.md").read_text()) == jobs_of_the_clock()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_only_what_is_there(page: Path) -> None:
    text = page.read_text()
    assert [path for path in paths_named(text) if not (ROOT / path).exists()] == []
    assert [link for link in links_of(text) if link and not (page.parent / link).exists()] == []


def test_faults_are_found() -> None:
    page = "# A\n- U1 No test.\n- U2 One that is not there. `tests/house/test_docs.py::test_nothing`\n"
    page += (
        "- U3 A good one. `tests/house/test_docs.py::test_faults_are_found`\n## B\n`nene/nothing.py` [x](nothing.md)"
    )
    assert [fault[:2] for fault in faults_of(rules_of(page))] == ["U1", "U2"]
    assert [*paths_named(page), *links_of(page)] == ["tests/house/test_docs.py"] * 2 + ["nene/nothing.py", "nothing.md"]
    assert jobs_of("\n## What runs when\n| now | x | |\n| then | x | `a.b` |\n## C\n| x | `c.d` |\n") == ["a.b"]
    assert settings_of("\n## Settings\n| `NENE_A` | `1` | x |\n| `NENE_B` | | x |\n") == [
        ("NENE_A", "1"),
        ("NENE_B", ""),
    ]
