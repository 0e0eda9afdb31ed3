"""What the tests of quick reading share: one site, one moment, and rows put together."""

from datetime import UTC, datetime

from app.domain.record import Row
from workers.sip.base import Endpoint
from workers.sip.kamailio.site import Site

HOME = "sip3.cldpbx.com"
AT = 1_795_419_198
NOW = datetime.fromtimestamp(AT + 10, UTC)
SITE = Site(Endpoint("http://127.0.0.1:9/RPC", HOME), lambda: NOW, None)


def each_once(batches: list[list[Row]]) -> dict[bytes, bytes]:
    """The lines of a pull by their keys, of which none comes twice."""
    rows = [row for batch in batches for row in batch]
    found = dict(rows)
    assert len(found) == len(rows)
    return found
