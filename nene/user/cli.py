"""Commands of the user domain: `flask user …`."""

import click
from flask.cli import AppGroup

from nene.kernel.db import in_transaction
from nene.kernel.errors import NotThere
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
