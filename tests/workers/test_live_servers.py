"""Which servers are pulled, and what it costs to find that out every two seconds."""

import pytest
from sqlalchemy.orm import Session

from app.models import SipServer, Unique
from tests.support.customers import LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.plans import plans
from workers.schedule import live_servers


def test_live_servers_and_those_with_lines_that_are_live_by_their_type(session: Session, customers: Customers) -> None:
    live, other = customers.servers[LIVE_HOST], customers.servers[ON_DEMAND_HOST]
    assert live_servers(session) == {live: 5.0, other: 5.0}
    session.get_one(Unique, customers.uniques["trunk2"]).ip_authentication = True
    assert live_servers(session) == {live: 5.0}
    session.get_one(SipServer, live).live = False
    assert live_servers(session) == {}


@pytest.mark.usefixtures("any_database", "customers")
def test_which_servers_are_live_costs_no_walk_through_the_lines(session: Session) -> None:
    """It is asked every two seconds: a look into an index for each server and type, and no more."""
    with plans(session) as found:
        live_servers(session)
    (plan,) = found
    assert "ix_unique_server_id_type_code" in plan
    assert "SCAN unique\n" not in plan
    assert "hashed" not in plan
