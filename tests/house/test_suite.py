"""The suite says what it could not run, and why (O2)."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.house.code import ROOT

SKIPPED = """
import pytest

def test_that_runs():
    pass

@pytest.mark.skip(reason="no such machine")
def test_that_needs_more():
    pass
"""


def test_what_was_not_run_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "test_few.py").write_text(SKIPPED)
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_terminal_summary\n")
    command = [sys.executable, "-m", "pytest", "--rootdir", tmp_path, "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "not run: 1, because no such machine" in done.stdout
    assert "test_few.py::test_that_needs_more" in done.stdout


def test_what_shares_something_slow_is_run_by_one_worker(tmp_path: Path) -> None:
    for name in ("journeys/test_first.py", "journeys/test_second.py", "other/test_other.py"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).write_text(SKIPPED)
    command = [sys.executable, "-m", "pytest", "-n2", "-v", "-p", "tests.groups", "--rootdir", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    workers = re.findall(r"^\[(gw\d)\].* tests/journeys/", done.stdout, re.MULTILINE)
    assert len(workers) == 4, done.stdout
    assert len(set(workers)) == 1, done.stdout


def test_one_command_runs_every_test() -> None:
    done = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "-m pytest --numprocesses" in done.stdout
