"""Ids in addresses."""

from werkzeug.routing import IntegerConverter, Map


class RowId(IntegerConverter):
    """The id of a row. One that no database could hold is nobody's page, not an error of the database."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)
