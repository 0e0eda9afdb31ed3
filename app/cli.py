"""Operators' commands about customers: people who can log in, and where the navigation leads."""

import click
from flask.cli import AppGroup

from app import navigation
from app.auth.passwords import hash_password
from app.extensions import db
from app.models import Staff

customers = AppGroup("users", help="People who can log in.")


@customers.command("add-staff")
@click.argument("login_id")
@click.argument("name")
@click.password_option(help="Asked for when it is not given.")
def add_staff(login_id: str, name: str, password: str) -> None:
    """Create a member of the support staff."""
    db.session.add(Staff(login_id=login_id, name=name, password_hash=hash_password(password)))
    db.session.commit()
    click.echo(f"{login_id} can log in at /staff/login")


links = AppGroup("links", help="Entries of the navigation that lead to other systems, such as 通話履歴.")


@links.command("set")
@click.argument("key")
@click.option("--name-ja", required=True, help="The entry's name in Japanese.")
@click.option("--name-en", required=True, help="The same in English.")
@click.option("--url", required=True, help="Where it leads, http or https.")
@click.option("--position", type=int, default=0, show_default=True, help="Entries are shown in ascending order.")
def set_link(key: str, name_ja: str, name_en: str, url: str, position: int) -> None:
    """Make or overwrite the entry KEY; `contact` is shown at the login page instead."""
    try:
        navigation.save(db.session(), key, name_ja=name_ja, name_en=name_en, url=url, position=position)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{key} leads to {url}")


@links.command("list")
def list_links() -> None:
    """Show all entries."""
    for link in navigation.entries(db.session()):
        click.echo(f"{link.key}\t{link.name_ja}\t{link.name_en}\t{link.url}")


@links.command("remove")
@click.argument("key")
def remove_link(key: str) -> None:
    """Take the entry KEY out of the navigation."""
    if not navigation.remove(db.session(), key):
        raise click.ClickException(f"there is no entry {key!r}")
    click.echo(f"{key} is removed")
