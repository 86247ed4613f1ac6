"""`flask db upgrade` and `flask demo seed` in one process, so that `make run` loads the application once less."""

import os

from flask.cli import FlaskGroup, ScriptInfo

STEPS = [["db", "upgrade"], ["demo", "seed"]]
INDEX = ["search", "reindex"]


def main() -> None:
    """Bring the tables up to date and, but for production, fill in the demo; nothing happens to what is done already."""
    application = ScriptInfo()
    for step in STEPS[: 1 if os.environ.get("NENE_ENV") == "production" else None]:
        FlaskGroup().main(step, prog_name="flask", obj=application, standalone_mode=False)
    if os.environ.get("NENE_ELASTICSEARCH_URL"):
        FlaskGroup().main(INDEX, prog_name="flask", obj=application, standalone_mode=False)


if __name__ == "__main__":
    main()
