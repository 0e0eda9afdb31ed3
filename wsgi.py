"""The composition root: the web application for a WSGI server and for `flask`, with the workers' commands."""

import os

from app import create_app
from app.config import Config, ConfigError
from app.store.connection import RedisUrlError
from workers.cli import workers
from workers.operators import servers

try:
    app = create_app(Config.from_env(os.environ))
except (ConfigError, RedisUrlError) as error:
    raise SystemExit(f"tsunagari can't start: {error}") from None

app.cli.add_command(workers)
app.cli.add_command(servers)
