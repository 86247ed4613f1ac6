"""Runs the migrations against the application's database."""

from alembic import context
from flask import current_app

from nene.kernel.db import Base, db


def run() -> None:
    """Migrate over one connection; a lock that is not free within five seconds stops us, not the product (R6)."""
    with db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            context.run_migrations()


if context.is_offline_mode():
    message = "migrations run against a database: start it, and leave out --sql"
    raise SystemExit(message)
if current_app:
    run()
