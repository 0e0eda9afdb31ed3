"""An address that an operator's own configuration refuses: the reason comes from the REGISTER to the portal."""

from datetime import UTC, datetime
from pathlib import Path

from app.domain.registration import FailureReason
from tests.support.kamailio import Kamailio
from tests.support.registrar import HOST
from tests.support.wait import until
from workers.sip.kamailio.client import KamailioAdapter


def test_an_address_that_is_refused(tmp_path: Path) -> None:
    kamailio = Kamailio(tmp_path, defines=[f'REFUSED="{HOST}"'])
    kamailio.subscribe(**{"1001": "first"})
    adapter = KamailioAdapter(kamailio.endpoint())
    with kamailio, kamailio.phone("1001") as phone:
        assert phone.register() == 403
        (failure,) = until(lambda: adapter.auth_failures(datetime(2000, 1, 1, tzinfo=UTC)), 10, "the failure")
        assert (failure.aor, failure.reason) == ("1001", FailureReason.ADDRESS_REFUSED)
        assert failure.source == phone.source
