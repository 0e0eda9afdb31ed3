"""`flask servers …`: what an operator does with SIP servers, in plain English; exit code 1 when something is wrong."""

import getpass
import json
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import click
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.domain.aor import aor_key
from app.domain.registration import Contact
from app.models import AuditEntry, PrincipalKind, SipServer
from app.store import abilities
from app.store import servers as states
from app.store.servers import ServerState
from workers import telling
from workers.credentials import endpoint_of, is_reference, options_of
from workers.judge import Verdict
from workers.pulling import run_pull
from workers.runtime import Runtime, current
from workers.schedule import live_servers
from workers.sip.base import Adapter, Check, Problem, SipError
from workers.sip.registry import FAMILIES
from workers.words import words_of

_SKEW = 5.0
"""Seconds that two clocks may differ."""


class _Plain(click.Group):
    """Tells in one line that a neighbour is down."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises ClickException where Redis or the database does not answer."""
        try:
            return super().invoke(ctx)
        except RedisError as error:
            raise click.ClickException(f"Redis does not answer: {type(error).__name__}") from None
        except OperationalError as error:
            raise click.ClickException(f"the database does not answer: {type(error.orig).__name__}") from None


@click.group(cls=_Plain)
def servers() -> None:
    """The SIP servers that lines log in to."""


@servers.command()
@click.argument("hostname")
@click.argument("family", type=click.Choice(sorted(FAMILIES)))
@click.argument("management_url")
@click.option("--credentials", help="Where user:password lies: env:NAME or file:/path.")
@click.option("--option", "options", multiple=True, help="key=value, as often as needed; a value may be env:NAME too.")
@click.option("--live/--on-demand", default=True, show_default=True, help="Pulled all the time, or asked on a click.")
@click.option("--interval", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True)
def add(
    hostname: str,
    family: str,
    management_url: str,
    credentials: str | None,
    options: tuple[str, ...],
    live: bool,  # noqa: FBT001 - click passes it by name
    interval: float,
) -> None:
    """Enter a server that customers know as HOSTNAME."""
    _refuse_secrets(management_url, credentials)
    row = SipServer(
        hostname=hostname.lower(),
        family=family,
        management_url=management_url,
        credentials=credentials,
        options=" ".join(options),
        live=live,
        pull_interval=interval,
    )
    try:
        options_of(row.options)
        with current().sessions.begin() as session:
            session.add(row)
    except SipError as error:
        raise click.ClickException(words_of(error.problem, error.detail)) from None
    except IntegrityError:
        raise click.ClickException(f"{hostname} is entered already") from None
    click.echo(f"{hostname} is entered; now: flask servers check {hostname}")


def _refuse_secrets(management_url: str, credentials: str | None) -> None:
    if credentials is not None and not is_reference(credentials):
        raise click.BadParameter("give env:NAME or file:/path, not the password", param_hint="--credentials")
    try:
        authority = urlsplit(management_url).netloc
    except ValueError:
        raise click.BadParameter("that is no URL", param_hint="MANAGEMENT_URL") from None
    if "@" in authority:
        raise click.BadParameter("credentials go into --credentials, not into the URL", param_hint="MANAGEMENT_URL")


@servers.command("list")
def list_servers() -> None:
    """Every server, how often it is pulled and how that goes."""
    runtime = current()
    with runtime.sessions() as session:
        rows = session.scalars(select(SipServer).order_by(SipServer.hostname)).all()
        pulled = live_servers(session)
    known = states.read(runtime.redis, [row.id for row in rows])
    modes = {row.id: telling.often(row, known[row.id]) if row.id in pulled else "on demand" for row in rows}
    width, wide = (max(map(len, texts), default=0) for texts in ([row.hostname for row in rows], modes.values()))
    for row in rows:
        state = known[row.id]
        good = telling.last_answer(state, runtime.clock())
        click.echo(f"{row.hostname:<{width}}  {row.family:<10}  {modes[row.id]:<{wide}}  {good}")
        for line in telling.more(state):
            click.echo(f"    {line}")


@servers.command()
@click.argument("hostname")
def check(hostname: str) -> None:
    """Say in words what is wrong with a server."""
    runtime = current()
    try:
        adapter = _adapter(runtime, hostname)
        found = adapter.check()
        with suppress(RedisError):
            abilities.keep(runtime.redis, _server(runtime, hostname).id, adapter.capabilities)
    except SipError as error:
        found = Check(problems=((error.problem, error.detail),))
    _show(found)
    problems = _problems(found)
    for problem, detail in problems:
        click.echo(f"wrong: {words_of(problem, detail)}")
    if problems:
        raise SystemExit(1)
    click.echo("all is well")


def _show(found: Check) -> None:
    if found.version:
        click.echo(f"version: {found.version}")
    if found.capabilities:
        click.echo(f"can: {', '.join(sorted(found.capabilities))}")
    if found.lines is not None:
        click.echo(f"registered lines: {found.lines}")
    if found.clock_skew is not None:
        click.echo(f"clock: {found.clock_skew:+.1f} s from ours")


def _problems(found: Check) -> list[tuple[Problem, str]]:
    problems = list(found.problems)
    skewed = found.clock_skew is not None and abs(found.clock_skew) > _SKEW
    if skewed and all(problem is not Problem.CLOCK_SKEW for problem, _ in problems):
        problems.append((Problem.CLOCK_SKEW, f"{found.clock_skew:+.1f} s"))
    return problems


@servers.command()
@click.argument("hostname")
@click.option("--believe", is_flag=True, help="Believe what the server answers now, however implausible it is.")
def pull(hostname: str, *, believe: bool) -> None:
    """Take a snapshot now, in this process, as a worker would."""
    runtime = current()
    server = _server(runtime, hostname)
    before = states.read_one(runtime.redis, server.id)
    verdicts: list[Verdict] = []
    who = _who()

    def believed(verdict: Verdict, after: ServerState) -> None:
        # At once: whatever goes wrong afterwards, it is known who believed it.
        _note(runtime, server, (before, after), verdict, who)
        verdicts.append(verdict)

    if not run_pull(runtime, server.id, believed if believe else None):
        raise click.ClickException("a worker is pulling this server right now")
    state = states.read_one(runtime.redis, server.id)
    for verdict in verdicts:
        click.echo(telling.believed(before, state, verdict))
    click.echo(telling.last_answer(state, runtime.clock()))
    if state.problem:
        click.echo(f"wrong: {words_of(state.problem, state.detail)}")
        raise SystemExit(1)


def _who() -> str:
    """The person at the terminal; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _note(
    runtime: Runtime, server: SipServer, states_of: tuple[ServerState, ServerState], verdict: Verdict, who: str
) -> None:
    """Whoever believed what nobody else would have is remembered."""
    detail = {"lines": [state.lines for state in states_of]} | ({"doubt": verdict.doubt} if verdict.doubt else {})
    entry = AuditEntry(
        at=runtime.clock(),
        account_id=None,
        kind=PrincipalKind.STAFF,
        principal_id=0,
        who=f"{who} (flask)",
        address="",
        action="server.believe",
        target=server.hostname,
        detail=json.dumps(detail, sort_keys=True),
    )
    with runtime.sessions.begin() as session:
        session.add(entry)


@servers.command()
@click.argument("hostname")
@click.argument("aor")
def lookup(hostname: str, aor: str) -> None:
    """Ask a server for one line; nothing is stored."""
    runtime = current()
    try:
        found = _adapter(runtime, hostname).lookup(aor_key(aor, hostname))
    except ValueError:
        raise click.BadParameter("that is no line", param_hint="AOR") from None
    except SipError as error:
        raise click.ClickException(words_of(error.problem, error.detail)) from None
    contacts = found.registration.current(runtime.clock()).contacts
    click.echo(f"{found.registration.aor}: {'registered' if contacts else 'not registered'}")
    for contact in contacts:
        click.echo(f"  {_line(contact, runtime)}")


def _line(contact: Contact, runtime: Runtime) -> str:
    parts = [contact.uri, contact.source and f"from {contact.source}", contact.transport, contact.user_agent]
    if contact.expires_at is not None:
        left = (contact.expires_at - runtime.clock()) // timedelta(seconds=1)
        parts.append(f"{left} s left")
    return ", ".join(part for part in parts if part)


def _server(runtime: Runtime, hostname: str) -> SipServer:
    with runtime.sessions() as session:
        found = _by_hostname(session, hostname)
    if found is None:
        raise click.ClickException(f"no server is entered as {hostname}: see flask servers list")
    return found


def _by_hostname(session: Session, hostname: str) -> SipServer | None:
    return session.scalar(select(SipServer).where(SipServer.hostname == hostname.lower()))


def _adapter(runtime: Runtime, hostname: str) -> Adapter:
    server = _server(runtime, hostname)
    return runtime.adapter_for(server.family, endpoint_of(server), runtime.lines_of(server.id))
