"""The least that a WSGI server can be asked for: a Flask application with one empty view."""

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/empty")
def empty() -> tuple[str, int]:
    """Nothing."""
    return "", 204


@app.get("/login")
def login() -> str:
    """Whoever starts it asks here whether it answers."""
    return "it does"
