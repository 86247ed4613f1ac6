"""The product keeps the house rules, and each rule finds what it is there for."""

from collections.abc import Callable, Iterator

import pytest

from tests.house import rules
from tests.house.code import Module, modules

Rule = Callable[[Module], Iterator[str]]
BAD: list[tuple[Rule, str, str]] = [
    (rules.commits_only_at_the_edge, "nene/point/service.py", "session.commit()"),
    (rules.sends_only_from_the_outbox, "nene/point/service.py", "push.send(1)"),
    (rules.sends_only_from_the_outbox, "nene/point/gateway.py", "push.send_with_options(args=(1,))"),
    (rules.sends_only_from_the_outbox, "tasks/point.py", "dramatiq.get_broker().enqueue(message)"),
    (rules.asks_only_the_clock_for_the_time, "nene/point/models.py", "datetime.datetime.now(UTC)"),
    (rules.asks_only_the_clock_for_the_time, "nene/point/models.py", "mapped_column(default=date.today)"),
    (rules.asks_only_the_clock_for_the_time, "nene/point/queries.py", "select(func.now())"),
    (rules.asks_only_the_clock_for_the_time, "nene/point/rules.py", "from time import time"),
    (rules.knows_flask_only_at_the_edge, "nene/point/service.py", "from flask import request"),
    (rules.knows_flask_only_at_the_edge, "tasks/point.py", "import flask"),
    (rules.goes_outside_only_through_a_gateway, "nene/payment/service.py", "import requests"),
    (rules.goes_outside_only_through_a_gateway, "tasks/payment.py", "from firebase_admin import messaging"),
    (rules.calls_other_domains_by_their_service, "nene/challenge/service.py", "from nene.point import models"),
    (rules.calls_other_domains_by_their_service, "nene/challenge/queries.py", "from nene.user.models import Account"),
    (rules.calls_other_domains_by_their_service, "tasks/challenge.py", "from nene.challenge.queries import load"),
    (rules.calls_other_domains_by_their_service, "app.py", "import nene.point.models"),
    (rules.is_short, "nene/point/service.py", "x = 1\n" * 400),
    (rules.is_short, "nene/point/service.py", "def long():\n" + "    x = 1\n" * 50),
    (rules.asks_for_jobs_by_literal_names, "nene/point/service.py", "enqueue(session, f'point.{verb}', 1)"),
]
GOOD: list[tuple[Rule, str, str]] = [
    (rules.commits_only_at_the_edge, "nene/kernel/db.py", "session.commit()"),
    (rules.sends_only_from_the_outbox, "nene/notification/gateway.py", "messaging.send(message)"),
    (rules.sends_only_from_the_outbox, "nene/point/service.py", "outbox.enqueue(session, 'point.expire', 1)"),
    (rules.asks_only_the_clock_for_the_time, "nene/point/service.py", "from time import monotonic\nbusiness.now()"),
    (rules.knows_flask_only_at_the_edge, "nene/point/routes.py", "from flask import request"),
    (rules.goes_outside_only_through_a_gateway, "nene/payment/gateway.py", "import requests"),
    (rules.calls_other_domains_by_their_service, "nene/challenge/service.py", "from nene.point import service"),
    (rules.calls_other_domains_by_their_service, "nene/point/service.py", "from nene.point.models import Wallet"),
    (rules.calls_other_domains_by_their_service, "app.py", "from nene.point import routes"),
    (rules.is_short, "nene/point/service.py", "def short():\n" + "    x = 1\n" * 49),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BAD))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    assert [fault for module in modules() for fault in rule(module)] == []


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_a_rule_finds_its_fault(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_a_rule_leaves_the_rest_in_peace(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module(path, text))) == []


def test_test_files_are_short() -> None:
    assert [fault for module in modules("tests") for fault in rules.is_short(module)] == []


def test_every_job_asked_for_is_declared() -> None:
    declared = {name for module in modules("tasks", "nene") for name in rules.declared_jobs(module)}
    asked = {name for module in modules() for _, name in rules.jobs_asked_for(module)}
    assert asked - declared == set()


def test_a_job_that_nobody_does_is_seen() -> None:
    asking = Module("nene/point/service.py", "outbox.enqueue(session, 'point.expire', 1)\nenqueue(session, 'a.b')")
    doing = Module("tasks/point.py", "@step_actor('point.expire')\ndef expire(session, user_id): ...")
    assert {name for _, name in rules.jobs_asked_for(asking)} - set(rules.declared_jobs(doing)) == {"a.b"}
