"""Commands for operators: `flask challenge …`."""

import click
from flask.cli import AppGroup

from nene.challenge import service
from nene.kernel import demo_clock
from nene.kernel.clock import business

commands = AppGroup("challenge", help="What time does to challenges.")


@commands.command("advance")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
def advance(*, dry_run: bool) -> None:
    """Start, cancel, finish and settle whatever is due. Safe to run at any time."""
    demo_clock.refresh()
    now = business.now()
    if dry_run:
        for challenge_id, step in service.preview(now):
            click.echo(f"challenge {challenge_id}: {step.lower()}")
        return
    done = service.advance(now)
    for challenge_id, step in done.steps:
        click.echo(f"challenge {challenge_id}: {step.lower()}")
    for challenge_id in done.failed:
        click.echo(f"challenge {challenge_id}: failed, set aside", err=True)
    if done.failed:
        raise SystemExit(1)
