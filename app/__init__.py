"""The web portal. `create_app` builds it; nothing happens at import."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Config


def create_app(config: "Config") -> "Flask":
    """The whole application for one configuration."""
    # Imported here, so that importing a room (the workers import app.domain) does not bring the web along.
    from app.factory import build  # noqa: PLC0415 - see above

    return build(config)
