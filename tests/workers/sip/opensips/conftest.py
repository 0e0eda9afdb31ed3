"""The replayed server of the tests of OpenSIPS."""

from collections.abc import Iterator

import pytest

from tests.support.replay_mi import Book, MiHttp


@pytest.fixture
def book() -> Book:
    return Book.usual()


@pytest.fixture
def server(book: Book) -> Iterator[MiHttp]:
    with MiHttp(book) as running:
        yield running
