"""Closes a blueprint to everybody who is not logged in."""

from flask import Blueprint, make_response, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response


def protect(blueprint: Blueprint, *, but: frozenset[str] = frozenset()) -> None:
    """Every view of `blueprint` wants a login, save the endpoints named in `but`, which look for themselves."""
    blueprint.before_request(lambda: None if request.endpoint in but else _refuse())


def _refuse() -> Response | None:
    if current_user.is_authenticated:
        return None
    return to_login()


def to_login() -> Response:
    """To the login page and back; a fragment's request makes the whole page go there, not a cell."""
    login = "auth.staff_login" if request.path.startswith("/support") else "auth.login"
    if "HX-Request" in request.headers:
        answer = make_response("", 401)
        answer.headers["HX-Redirect"] = url_for(login)
        return answer
    return redirect(url_for(login, next=request.full_path.rstrip("?") if request.method == "GET" else None))
