"""What a command prints is its answer alone; what it logs goes elsewhere (O4)."""

import os
import re
import subprocess

from nene.kernel.settings import Settings
from tests import servers


def test_the_log_of_a_command_is_not_in_its_answer(settings: Settings) -> None:
    environment = {
        **os.environ,
        "NENE_DATABASE_URL": str(settings.database_url),
        "NENE_REDIS_URL": str(settings.redis_url),
    }
    done = subprocess.run(
        [servers.PROGRAMS / "flask", "db", "current"],
        cwd=servers.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"\d{4} \(head\)\s*", done.stdout)
    assert '"level": "info"' in done.stderr
