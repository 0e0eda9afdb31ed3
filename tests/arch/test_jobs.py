"""The web enqueues by name: every name must be a job, every queue must have a listener."""

import ast
import importlib
import re
from pathlib import Path

import workers.jobs

ROOT = Path(__file__).parents[2]
_JOB = re.compile(r"workers(\.\w+)+")


def nodes(*rooms: str) -> list[ast.AST]:
    paths = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    return [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def test_every_job_that_is_named_is_a_function_of_workers_jobs() -> None:
    names = {
        node.value
        for node in nodes("app", "workers")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _JOB.fullmatch(node.value)
        if not node.value.startswith("workers.sip")
    }
    assert "workers.jobs.lookup" in names
    for name in names:
        module, _, function = name.rpartition(".")
        assert module == "workers.jobs"
        assert callable(getattr(importlib.import_module(module), function))


def test_every_queue_has_a_listener() -> None:
    queues = {
        node.args[0].value
        for node in nodes("app", "workers")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Queue"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert "lookups" in queues
    assert queues <= set(workers.jobs.QUEUES)
