"""`flask recount`: what an operator runs after moving lines between circles or servers."""

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from app.extensions import db
from app.models import SipServer
from app.services import services
from app.store import places


@click.command()
@click.argument("hostname", required=False)
@with_appcontext
def recount(hostname: str | None) -> None:
    """Let the next pull of HOSTNAME, or of every server, count the registered lines of all circles anew.

    It happens by itself too, within a minute, or within half an hour at a server with a million lines.
    """
    query = select(SipServer).order_by(SipServer.hostname)
    rows = db.session.scalars(query if hostname is None else query.where(SipServer.hostname == hostname.lower())).all()
    if hostname is not None and not rows:
        raise click.ClickException(f"no server is entered as {hostname}: see flask servers list")
    for row in rows:
        places.make_due(services().redis, row.id)
        click.echo(f"{row.hostname} is counted anew with its next pull")
