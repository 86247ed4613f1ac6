"""Commands of the payment domain: `flask payments …`."""

from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from nene.kernel.clock import seoul_date, wall
from nene.kernel.db import in_transaction
from nene.payment import service
from nene.payment.errors import GatewayAway

commands = AppGroup("payments", help="Money in and back.")
DAY = click.DateTime(["%Y-%m-%d"])


@commands.command("reconcile")
@click.option("--from", "first", type=DAY, help="The first day, in Seoul; yesterday if not given.")
@click.option("--to", "last", type=DAY, help="The last day, included; today if not given.")
def reconcile(first: datetime | None, last: datetime | None) -> None:
    """Compare days with Toss's books; print each difference, and exit 1 then (M11)."""
    today = seoul_date(wall.now())
    days = first.date() if first else today - timedelta(days=1), last.date() if last else today
    try:
        found = list(service.differences(*days))
    except GatewayAway as away:
        raise click.ClickException(away.message) from None
    for difference in found:
        click.echo(difference)
    if found:
        raise SystemExit(1)
    click.echo(f"from {days[0]} to {days[1]} our payments are as in Toss's books")


@commands.command("recharge")
def recharge() -> None:
    """Ask once more for every charge that is missing (M6)."""
    click.echo(f"{in_transaction(service.recharge)} charges asked for")
