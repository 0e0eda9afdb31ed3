"""Habits of the code that no linter of ours knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("app", "workers", "demo", "tests", "bench")
MODULES = [*sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")), ROOT / "wsgi.py"]
MODULE_LINES = 300
FUNCTION_LINES = 50
_IGNORE = re.compile(r"#\s*(noqa|type:\s*ignore)(.*)$")
_REASONED = re.compile(r"(: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)*|\[[a-z0-9, -]+\])\s+([-#]+\s*)?\w")
CLOCKS = {"now", "utcnow", "today", "time", "monotonic"}


def modules(*paths: Path) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(ROOT)))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@modules(*MODULES)
def test_a_module_and_its_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MODULE_LINES
    long = [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES]
    assert long == []


@modules(*(path for path in MODULES if path != Path(__file__)))
def test_every_ignore_has_its_code_and_its_reason(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [(number, match) for number, line in enumerate(lines, 1) if (match := _IGNORE.search(line))]
    assert [number for number, match in found if not _REASONED.match(match[2])] == []


@modules(*sorted((ROOT / "app/domain").glob("*.py")))
def test_the_domain_reads_no_clock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called & CLOCKS == set()


@modules(*(path for path in MODULES if path.is_relative_to(ROOT / "tests")))
def test_no_test_sleeps_or_skips(path: Path) -> None:
    forbidden = {"sleep", "skip", "skipif", "xfail", "importorskip"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert used & forbidden == set()
