"""Commands of the user domain: `flask user …`."""

from datetime import datetime

import click
from flask.cli import AppGroup

from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere, Refusal
from nene.user import service

commands = AppGroup("user", help="Accounts.")


@commands.command("promote")
@click.argument("email")
def promote(email: str) -> None:
    """Make the account with this EMAIL an admin (U13)."""
    try:
        in_transaction(service.promote, email)
    except NotThere:
        raise click.ClickException(f"no account has the e-mail {email}") from None
    click.echo(f"{email} is an admin now; sign in again.")


@commands.command("correct-birth-date")
@click.argument("email")
@click.argument("birth_date", type=click.DateTime(["%Y-%m-%d"]))
def correct_birth_date(email: str, birth_date: datetime) -> None:
    """Correct the birth date of who has staked or charged already, as BIRTH_DATE shows (U3)."""
    with reading() as session:
        user = service.find_by_email(session, email)
    if user is None:
        raise click.ClickException(f"no account has the e-mail {email}")
    try:
        in_transaction(service.correct_birth_date, by=None, user_id=user.id, birth_on=birth_date.date())
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None
    click.echo(f"The birth date of {email} is {birth_date:%Y-%m-%d} now.")
