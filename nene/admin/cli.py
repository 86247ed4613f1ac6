"""Commands for operators: `flask ledger …` and `flask admin …`."""

import click
from flask.cli import AppGroup

from nene.admin import service
from nene.kernel import demo_clock, outbox
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere, Refusal
from nene.point.terms import LARGEST_MOVE

ledger = AppGroup("ledger", help="The proof of the ledger.")
admin = AppGroup("admin", help="What staff do.")


@ledger.command("verify")
def verify() -> None:
    """Prove the ledger from the database; print what is wrong, and exit 1 then."""
    faults = 0
    with reading(snapshot=True) as session:
        for fault in service.verify_ledger(session):
            click.echo(fault)
            faults += 1
    if faults:
        raise SystemExit(1)
    click.echo("the ledger is sound")


@admin.command("grant")
@click.argument("email")
@click.argument("amount", type=click.IntRange(1, LARGEST_MOVE))
@click.option("--note", required=True, help="Why; the member reads it.")
def grant(email: str, amount: int, note: str) -> None:
    """Give AMOUNT points to the member with this EMAIL."""
    demo_clock.refresh()
    if not note.strip():
        message = "a note is needed"
        raise click.ClickException(message)
    try:
        balance = in_transaction(service.grant_by_email, email=email, amount=amount, note=note.strip(), by=None)
    except NotThere:
        message = "no such member"
        raise click.ClickException(message) from None
    click.echo(f"granted {amount:,} P, balance {balance:,} P")


@admin.command("refund")
@click.argument("email")
@click.option("--note", required=True, help="Why; the member and the provider of the payment read it.")
def refund(email: str, note: str) -> None:
    """Send back as money what the member with this EMAIL has left of every charge."""
    if not note.strip():
        message = "a note is needed"
        raise click.ClickException(message)
    try:
        asked = service.refund_by_email(email=email, note=note.strip(), by=None)
    except NotThere:
        message = "no such member"
        raise click.ClickException(message) from None
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None
    click.echo(f"{asked} refunds asked for" if asked else "nothing is left to refund")


@admin.command("dead-letters")
def dead_letters() -> None:
    """List the jobs that failed too often."""
    with reading() as session:
        for dead in outbox.list_dead(session):
            click.echo(f"{dead.id} {dead.name} {dead.args} {dead.error} {dead.died_at:%Y-%m-%d %H:%M}")


@admin.command("retry")
@click.argument("dead_id", type=click.IntRange(1, 2**63 - 1))
def retry(dead_id: int) -> None:
    """Ask for a dead job again."""
    try:
        in_transaction(outbox.revive, dead_id)
    except NotThere:
        message = "no such dead letter"
        raise click.ClickException(message) from None
    click.echo("asked again")
