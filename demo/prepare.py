"""`python -m demo.prepare`: the database by the migrations, the customers, and the files that the programs read."""

import json
import os
from collections import Counter
from typing import Any
from urllib.parse import quote

from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from app.config import Config
from app.extensions import db
from app.models import SipServer
from demo import corners, past, requests
from demo.customers import password, printed_logins
from demo.files import write_json, write_private
from demo.kamailio import write_subscribers
from demo.load import load
from demo.phones import Behaviour
from demo.plan import plan, users
from demo.registrar import subscribers
from demo.servers import SERVERS
from demo.settings import Settings


def main() -> None:
    """Everything that must be there before the first process starts."""
    settings = Settings.from_env(os.environ)
    app = create_app(Config.from_env(os.environ))
    with app.app_context():
        upgrade()
        load(db.session(), settings.secret, settings.management_urls)
        _keep_passwords(settings)
        requests.load(db.session())
        corners.load(db.session())
        phones = plan(settings.secret, settings.addresses)
        past.load(db.session(), phones)
        ids = {server.hostname: server.id for server in db.session.scalars(select(SipServer))}
    write_json(settings.var / "phones.json", phones)
    overwritten: set[str] = set()
    for server in SERVERS:
        known = users(settings.secret, server.hostname)
        write_json(settings.var / f"users-{server.hostname}.json", known)
        if (kept := settings.subscribers(server)) is not None:
            overwritten |= subscribers.add(kept, server.hostname, known)
        elif settings.kamailio and server.family == "kamailio":
            write_subscribers(settings.kamailio_folder(server.hostname), server.hostname, known)
    _write_redis(settings)
    write_json(settings.var / "state.json", _state(settings, ids, phones, overwritten))


def _keep_passwords(settings: Settings) -> None:
    """Tell the workers where they may overwrite device passwords."""
    for server in SERVERS:
        kept = settings.subscribers(server)
        row = db.session.scalars(select(SipServer).filter_by(hostname=server.hostname)).one()
        row.options = f"subscriber_url=sqlite:///{quote(str(kept))}" if kept else ""
    db.session.commit()


def _write_redis(settings: Settings) -> None:
    """The password stays off the command line, which everybody on the machine can read."""
    lines = (
        "bind 127.0.0.1",
        f"port {settings.redis_port}",
        f"requirepass {settings.redis_password}",
        f"dir {json.dumps(str(settings.var / 'tmp'))}",
        'save ""',
        "appendonly no",
        "maxmemory-policy noeviction",
    )
    write_private(settings.var / "redis.conf", "\n".join(lines) + "\n")


def _state(
    settings: Settings, ids: dict[str, int], phones: list[dict[str, Any]], overwritten: set[str]
) -> dict[str, Any]:
    """What `demo.announce` waits for and prints; nobody can wait for the phone of a line in `overwritten`."""
    logins = {
        kind: {"id": login, "password": password(settings.secret, login)} for kind, login in printed_logins().items()
    }
    staying = [phone for phone in phones if phone["behaviour"] == Behaviour.STAYS and phone["user"] not in overwritten]
    counts = Counter(phone["server"] for phone in staying)
    lines = {server.hostname: counts[settings.addresses[server.hostname]] for server in SERVERS}
    pulled = {ids[server.hostname]: lines[server.hostname] for server in SERVERS if server.live}
    asked = {settings.management_urls[server.hostname]: lines[server.hostname] for server in SERVERS if not server.live}
    heard = [ids[server.hostname] for server in SERVERS if server.live and server.tells]
    changed = logins["unique"]["id"] in overwritten
    return {"logins": logins, "overwritten": changed, "pulled": pulled, "asked": asked, "heard": heard}


if __name__ == "__main__":
    main()
