"""The house rules that neither ruff nor import-linter knows, each as a function from a file to its faults."""

import ast
from collections.abc import Iterator

from tests.house.code import DOMAINS, Module

SPEAKS_FLASK = {"routes", "forms", "cli"}
SPEAKS_FLASK_TOO = {
    *("app.py", "tasks/worker.py", "tasks/schedule.py", "nene/kernel/prepare.py"),  # the programs
    *(
        "nene/kernel/auth.py",
        "nene/kernel/web.py",
        "nene/kernel/forms.py",
        "nene/kernel/health.py",
        "nene/kernel/search/cli.py",
        "nene/kernel/security.py",
    ),
}
OUTSIDE = {"requests", "firebase_admin", "httpx", "smtplib"}
OPEN_TO_OTHERS = {"service", "errors", "terms"}
OPEN_TO_APP = OPEN_TO_OTHERS | {"routes", "cli", "gateway", "search"}
MOMENTS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "func.now", "time.localtime"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 50


def commits_only_at_the_edge(module: Module) -> Iterator[str]:
    if module.path != "nene/kernel/db.py":
        yield from _calls_of(module, "commit", "only nene/kernel/db.py commits")


def sends_only_from_the_outbox(module: Module) -> Iterator[str]:
    """A message that is not a row can be lost. A gateway or the mail may call its own library's `send`."""
    if module.path == "nene/kernel/outbox.py":
        return
    if module.path != "nene/kernel/mail.py" and module.file != "gateway.py":
        yield from _calls_of(module, "send", "only nene/kernel/outbox.py sends")
    yield from _calls_of(module, "send_with_options", "only nene/kernel/outbox.py sends")
    for call in module.calls():
        if (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == "enqueue"
            and ast.unparse(call.func.value) != "outbox"
        ):
            yield module.at(call.lineno, "only nene/kernel/outbox.py hands messages to the broker")


def asks_only_the_clock_for_the_time(module: Module) -> Iterator[str]:
    """The demo and the tests move the clock; whoever asks the machine or the database is left behind."""
    if module.path == "nene/kernel/clock.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and any(ast.unparse(node).endswith(moment) for moment in MOMENTS):
            yield module.at(node.lineno, f"{ast.unparse(node)}: ask nene.kernel.clock")
    for line, name in module.imports():
        if name in {"time.time", "time.localtime"}:
            yield module.at(line, f"{name}: ask nene.kernel.clock")


def knows_flask_only_at_the_edge(module: Module) -> Iterator[str]:
    part = "/".join(module.path.split("/")[2:3]).removesuffix(".py")  # of nene/<domain>/<part>
    if part in SPEAKS_FLASK or module.path in SPEAKS_FLASK_TOO or module.path.startswith("standins/"):
        return
    for line, name in module.imports():
        if name.split(".")[0] == "flask":
            yield module.at(
                line, "flask belongs in routes, forms, cli, app.py and kernel/{auth,forms,health,security,web}.py"
            )


def goes_outside_only_through_a_gateway(module: Module) -> Iterator[str]:
    if module.file == "gateway.py" or module.path == "nene/kernel/mail.py" or module.path.startswith("standins/"):
        return
    for line, name in module.imports():
        if name.split(".")[0] in OUTSIDE:
            yield module.at(line, f"{name.split('.')[0]} belongs in a gateway.py")


def calls_other_domains_by_their_service(module: Module) -> Iterator[str]:
    """From another domain only service, errors, terms; jobs likewise; app.py may also wire routes, commands, gateways."""
    allowed = OPEN_TO_APP if module.path == "app.py" else OPEN_TO_OTHERS
    for line, name in module.imports():
        parts = name.split(".")
        if parts[0] != "nene" or len(parts) < 3 or parts[1] not in DOMAINS or parts[1] == module.domain:
            continue
        if parts[2] not in allowed:
            yield module.at(line, f"{'.'.join(parts[:3])} is that domain's own: call its service")


def is_short(module: Module) -> Iterator[str]:
    lines = module.text.count("\n") + 1
    if lines > LONGEST_FILE:
        yield module.at(1, f"{lines} lines; split it at {LONGEST_FILE}")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield module.at(node.lineno, f"{node.name} has {length} lines; split it at {LONGEST_FUNCTION}")


def asks_for_jobs_by_literal_names(module: Module) -> Iterator[str]:
    if module.path != "nene/kernel/outbox.py":
        yield from (module.at(line, "name the job in quotes") for line, name in _jobs_asked_for(module) if not name)


def jobs_asked_for(module: Module) -> Iterator[tuple[int, str]]:
    """Each `enqueue(session, "domain.verb", …)`: its line and the name."""
    return ((line, name) for line, name in _jobs_asked_for(module) if name)


def declared_jobs(module: Module) -> Iterator[str]:
    """Each `@actor("domain.verb")` or `@step_actor("domain.verb")`."""
    for call in module.calls():
        if _name(call) in {"actor", "step_actor"} and call.args and isinstance(call.args[0], ast.Constant):
            yield str(call.args[0].value)


def _jobs_asked_for(module: Module) -> Iterator[tuple[int, str | None]]:
    for call in module.calls():
        if _name(call) == "enqueue" and len(call.args) > 1:
            name = call.args[1]
            yield call.lineno, name.value if isinstance(name, ast.Constant) else None


def _calls_of(module: Module, method: str, fault: str) -> Iterator[str]:
    for call in module.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr == method:
            yield module.at(call.lineno, fault)


def _name(call: ast.Call) -> str | None:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else None
