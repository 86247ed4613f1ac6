"""Migrations run forward and back on a filled database, and never drift from the models (R6)."""

import pytest
from sqlalchemy import create_engine, text

from nene.kernel.settings import Settings
from tests import servers

NAME = "nene_migrations"


@pytest.fixture
def database(shared_servers: None, worker_id: str) -> dict[str, str]:
    """A database of this test's own, migrated."""
    return {"NENE_DATABASE_URL": servers.make_database(f"{NAME}_{worker_id}")}


def test_models_and_migrations_are_the_same(database: dict[str, str]) -> None:
    assert "No new upgrade operations" in servers.flask("db", "check", environment=database)


def test_a_filled_database_goes_back_and_forward(database: dict[str, str], settings: Settings) -> None:
    environment = {**database, "NENE_REDIS_URL": str(settings.redis_url)}
    servers.flask("demo", "seed", environment=environment)
    servers.flask("db", "downgrade", "base", environment=environment)
    engine = create_engine(database["NENE_DATABASE_URL"])
    with engine.connect() as connection:
        left = connection.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')"
                " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            )
        ).all()
    engine.dispose()
    assert left == ["alembic_version"]
    servers.flask("db", "upgrade", environment=environment)
    servers.flask("demo", "seed", environment=environment)
    assert "sound" in servers.flask("ledger", "verify", environment=environment)
