"""Commands of the demo: `flask demo …`; refused in production."""

import click
from flask.cli import AppGroup

from nene.home import service
from nene.home.service.demo import PASSWORD
from nene.kernel import demo_clock, settings

commands = AppGroup("demo", help="Members and challenges to try the product with.")


@commands.command("seed")
def seed() -> None:
    """Make the demo's members and challenges, once, and print the log-ins."""
    _begin()
    for email in service.seed():
        click.echo(f"{email} {PASSWORD}")


@commands.command("users")
@click.argument("count", type=click.IntRange(1, 10_000))
def users(count: int) -> None:
    """Make COUNT more members with 200,000 P each, and print their log-ins, one a line."""
    _begin()
    for email in service.add_members(count):
        click.echo(f"{email} {PASSWORD}")


def _begin() -> None:
    if settings.current().production:
        message = "the demo is not for production"
        raise click.ClickException(message)
    demo_clock.refresh()
