"""The product's own Python files as trees, for the checks of this folder."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOMAINS = ("user", "point", "notification", "challenge", "payment", "shop", "home", "admin")


@dataclass(frozen=True)
class Module:
    """One file, by its path from the root."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def file(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def domain(self) -> str | None:
        """The folder under nene/ that it belongs to, the kernel too."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "nene" and len(parts) > 2 else None

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Each imported module, and each name of one, as the module it may be."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)

    def at(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """The Python files of folders, or those of the whole product; read and parsed once."""
    found = [path for name in folders or ("nene", "tasks", "standins") for path in sorted((ROOT / name).rglob("*.py"))]
    if not folders and (ROOT / "app.py").exists():
        found.append(ROOT / "app.py")
    return tuple(Module(str(path.relative_to(ROOT)), path.read_text()) for path in found)
