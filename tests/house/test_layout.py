"""The same file name means the same job in every domain, and there are no other names."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.house.code import DOMAINS, ROOT

FILES = {
    *("__init__", "routes", "forms", "cli", "service", "gateway", "search", "queries", "models", "rules", "errors"),
    "terms",
}
FOLDERS = {("routes",), ("forms",), ("service",)}
NEVER = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}


def misplaced(path: str) -> Iterator[str]:
    """Why a Python file under nene/ may not be there."""
    folders, name = PurePosixPath(path).parts[1:-1], PurePosixPath(path).stem
    if NEVER & {name, *folders}:
        yield f"{path}: say what it owns"
    if not folders:
        if name != "__init__":
            yield f"{path}: it belongs in a domain"
    elif folders[0] not in {*DOMAINS, "kernel"}:
        yield f"{path}: {folders[0]} is no domain"
    elif folders[0] != "kernel" and len(folders) == 1 and name not in FILES:
        yield f"{path}: no domain has a {name}.py"
    elif folders[0] != "kernel" and len(folders) > 1 and folders[1:] not in FOLDERS:
        yield f"{path}: only routes, forms and service may be folders"


def test_every_file_has_its_place() -> None:
    paths = [str(path.relative_to(ROOT)) for path in (ROOT / "nene").rglob("*.py")]
    assert [fault for path in paths for fault in misplaced(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        "nene/tools.py",
        "nene/coupon/models.py",
        "nene/point/helpers.py",
        "nene/point/ledger.py",
        "nene/point/models/wallet.py",
        "nene/kernel/utils.py",
    ],
)
def test_a_misplaced_file_is_found(path: str) -> None:
    assert list(misplaced(path))


@pytest.mark.parametrize("path", ["nene/point/models.py", "nene/challenge/service/verify.py", "nene/kernel/lock.py"])
def test_a_file_in_its_place_is_left_in_peace(path: str) -> None:
    assert list(misplaced(path)) == []


def test_every_package_is_pinned_with_a_hash_and_no_address() -> None:
    for path in ROOT.glob("requirements*.txt"):
        assert "://" not in path.read_text()
        assert all("==" in line for line in _requirements(path))
        assert path.read_text().count("--hash=sha256:") >= len(_requirements(path))
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package and "resolved" not in package for name, package in packages.items() if name)


def _requirements(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line[:1].isalnum()]
