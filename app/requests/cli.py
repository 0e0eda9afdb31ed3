"""`flask requests …`: what an operator does with what customers asked for."""

import getpass
from contextlib import suppress

import click
from flask.cli import AppGroup
from redis.exceptions import RedisError

from app import audit
from app.extensions import db
from app.models import ServiceRequest
from app.requests import settling
from app.requests.asking import Wish
from app.requests.settling import SettlingError
from app.services import services
from app.store import places

requests = AppGroup("requests", help="What customers asked to be added or cancelled.")


@requests.command("list")
@click.option("--all", "settled", is_flag=True, help="Also those that were settled.")
def list_requests(*, settled: bool) -> None:
    """What waits, the oldest first."""
    for row in settling.waiting(db.session(), settled=settled):
        when = row.requested_at.astimezone(services().timezone)
        told = (
            row.id,
            f"{when:%Y-%m-%d %H:%M}",
            f"account {row.account_id}",
            row.kind.value,
            _about(row),
            row.state.value,
        )
        click.echo("  ".join(map(str, told)))


def _about(row: ServiceRequest) -> str:
    wish = Wish.of(row)
    words = (wish.user_information, wish.department, wish.person_in_charge, wish.remarks.replace("\n", " "))
    return row.target or " / ".join(word for word in words if word)


@requests.command("carry-out")
@click.argument("request_id", type=int)
@click.option("--number", help="Of the circle that was added.")
def carry_out(request_id: int, number: str | None) -> None:
    """Add the circle, mark it as cancelled, or take the line out of the portal."""
    server_id = settling.server_of(db.session(), request_id)
    try:
        row = settling.carry_out(db.session(), request_id, number, _operator(), services().clock())
    except SettlingError as error:
        raise click.ClickException(str(error)) from None
    if server_id is not None:
        # Without Redis nothing is counted, and afterwards everything is counted anew anyway.
        with suppress(RedisError):
            places.make_due(services().redis, server_id)
    click.echo(f"request {row.id}: {row.kind.value} {row.target} is carried out")


@requests.command()
@click.argument("request_id", type=int)
def refuse(request_id: int) -> None:
    """Tell the customer that it can't be done."""
    try:
        row = settling.refuse(db.session(), request_id, _operator(), services().clock())
    except SettlingError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"request {row.id} is refused")


def _operator() -> audit.Actor:
    return audit.operator(getpass.getuser())
