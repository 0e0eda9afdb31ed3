"""The composition root: the web application for a WSGI server and for `flask`, with the workers' commands."""

import os

from app import create_app
from app.config import Config, ConfigError
from workers.cli import workers
from workers.operators import servers

try:
    config = Config.from_env(os.environ)
except ConfigError as error:
    raise SystemExit(f"tsunagari can't start: {error}") from None

app = create_app(config)
app.cli.add_command(workers)
app.cli.add_command(servers)
