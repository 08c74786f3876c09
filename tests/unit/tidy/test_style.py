"""House rules that no linter knows, run as tests: lengths, names, banned calls, docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path for path in (ROOT / "src/phee").rglob("*.py") if not path.stem.endswith(("_pb2", "_grpc"))
)
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
ALLOWED_IN_CLI = {r"\bprint\(", r"\btime\.sleep\("}
BANNED = {
    r"\btime\.sleep\(": "wait for an event, or await asyncio.sleep with a reason",
    r"\bdatetime\.utcnow\(": "use datetime.now(UTC)",
    r"\bpickle\b": "use msgspec",
    r"\beval\(": "compile expressions with phee.feel",
    r"\bprint\(": "log, or print through rich in phee.cli",
    r"\bfloat\([^)]*amount": "money is Decimal",
    r"\brandom\.(random|randint|choice|shuffle)\(": "use a random.Random with a printed seed",
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_file_is_about_one_thing(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= FILE_LINES_MAX, f"{_name(path)} has {len(lines)} lines: split it by noun"


def _functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_functions_fit_in_a_glance(path: Path) -> None:
    too_long = [
        f"{node.name} ({length} lines)"
        for node in _functions(ast.parse(path.read_text()))
        if (length := (node.end_lineno or 0) - node.body[0].lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not too_long, f"{_name(path)}: {too_long}"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_module_says_its_purpose(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{_name(path)} has no module docstring"


def _public_without_docstring(tree: ast.Module) -> list[str]:
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            data_only = isinstance(node, ast.ClassDef) and not _functions(node)
            if not data_only and ast.get_docstring(node) is None:
                found.append(node.name)
            if isinstance(node, ast.ClassDef):
                found += [
                    f"{node.name}.{method.name}"
                    for method in node.body
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not method.name.startswith("_")
                    and ast.get_docstring(method) is None
                ]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_public_names_are_documented(path: Path) -> None:
    missing = _public_without_docstring(ast.parse(path.read_text()))
    assert not missing, f"{_name(path)}: no docstring on {missing}"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_nothing_banned_is_used(path: Path) -> None:
    code = "\n".join(
        line for line in path.read_text().splitlines() if not line.strip().startswith("#")
    )
    for pattern, instead in BANNED.items():
        if "phee/cli" in _name(path) and pattern in ALLOWED_IN_CLI:
            continue
        found = re.search(pattern, code)
        assert found is None, f"{_name(path)} uses {found and found.group(0)!r}: {instead}"


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=_name)
def test_no_todo_is_left(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text()), _name(path)


def test_repository_names_no_machine_and_no_registry() -> None:
    forbidden = re.compile(r"/work/|pypi\.org|repo1\.maven|registry\.npmjs|/root/")
    texts = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".toml", ".lock", ".sh"}]
    named = [
        _name(p)
        for p in texts
        if not {".venv", ".services", "node_modules", ".git"} & set(p.parts)
        and p != Path(__file__)
        and forbidden.search(p.read_text(errors="replace"))
    ]
    assert not named, named
