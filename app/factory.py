"""Puts the application together: settings, extensions, rooms."""

from datetime import timedelta

from flask import Flask
from flask_login import current_user
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from werkzeug.middleware.proxy_fix import ProxyFix

from app import locale
from app.account.links import blueprint as links
from app.account.views import blueprint as account
from app.assets import register_assets
from app.auth import sessions
from app.auth.views import blueprint as auth
from app.cli import customers
from app.cli import links as link_commands
from app.compression import register_compression
from app.config import Config
from app.errors import register_errors
from app.extensions import babel, csrf, db, login_manager, migrate
from app.health import blueprint as health
from app.i18n import register_translation
from app.ids import RowId
from app.lists.cli import recount
from app.live.quick import Quick
from app.live.views import blueprint as live
from app.navigation import register_navigation
from app.portal.device import blueprint as device
from app.portal.export import blueprint as export
from app.portal.line import blueprint as line
from app.portal.views import blueprint as portal
from app.presenter import register_filters
from app.requests.cli import requests as requests_of_customers
from app.requests.lines import blueprint as lines
from app.requests.views import blueprint as requests
from app.search.views import blueprint as search
from app.security import register_headers
from app.services import Services
from app.support.audit import blueprint as audit
from app.support.views import blueprint as support

_MEGABYTE = 1024 * 1024


def build(config: Config) -> Flask:
    """Bind everything to a new Flask application."""
    app = Flask("app", static_folder=None)
    app.config.from_mapping(_settings(config))
    app.url_map.converters["row"] = RowId
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.wsgi_app = Quick(app, app.wsgi_app)  # type: ignore[method-assign,assignment] # the documented way to wrap it
    if config.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=config.proxies)  # type: ignore[method-assign] # the documented way to wrap it
    app.extensions["services"] = Services.from_config(config)
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=locale.choose, default_locale=locale.DEFAULT)
    # Its context processor asks the database for every fragment; as a global the user is asked for where it is used.
    login_manager.init_app(app, add_context_processor=False)
    app.add_template_global(current_user, "current_user")
    sessions.register(login_manager)
    for blueprint in (
        auth,
        portal,
        live,
        support,
        health,
        line,
        export,
        device,
        search,
        account,
        links,
        audit,
        requests,
        lines,
    ):
        app.register_blueprint(blueprint)
    app.cli.add_command(customers)
    app.cli.add_command(requests_of_customers)
    app.cli.add_command(recount)
    app.cli.add_command(link_commands)
    register_assets(app)
    register_errors(app)
    register_headers(app)
    register_compression(app)
    register_filters(app)
    register_translation(app)
    register_navigation(app)
    with app.app_context():
        _tune(db.engine)
    return app


def _settings(config: Config) -> dict[str, object]:
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(config.database_url),
        "SESSION_COOKIE_NAME": config.cookie_name,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": config.secure_cookies,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=config.session_hours),
        # A poll must not re-issue the cookie: an open page would otherwise never log out.
        "SESSION_REFRESH_EACH_REQUEST": False,
        "MAX_CONTENT_LENGTH": _MEGABYTE,
        "MAX_FORM_MEMORY_SIZE": _MEGABYTE // 2,
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,
        "BABEL_TRANSLATION_DIRECTORIES": "translations",
    }


def _engine_options(url: str) -> dict[str, object]:
    if make_url(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 5}}
    return {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 8, "pool_timeout": 5}


def _tune(engine: Engine) -> None:
    """Let SQLite readers and a writer work side by side, and check foreign keys as PostgreSQL does."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _pragmas(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
