import pytest
from sqlalchemy import select

from app.models import Unique
from workers import runtime as module
from workers.runtime import Runtime


@pytest.mark.parametrize("page", [1, 7, 5000])
def test_our_lines_at_a_server_come_once_each(
    runtime: Runtime, server_id: int, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(module, "_PAGE", page)
    with runtime.sessions() as session:
        ours = session.scalars(select(Unique.aor).where(Unique.server_id == server_id)).all()
    assert len(ours) > 1
    lines = runtime.lines_of(server_id)
    assert sorted(lines()) == sorted(lines()) == sorted(ours)


def test_a_server_without_lines_of_ours(runtime: Runtime, server_id: int) -> None:
    assert list(runtime.lines_of(server_id + 1000)()) == []
