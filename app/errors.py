"""Errors as pages: clear to the person, silent about the inside."""

import logging

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from app.i18n import _

log = logging.getLogger(__name__)


def register_errors(app: Flask) -> None:
    """Every error has a page of ours."""
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(OperationalError, _database_gone)
    app.register_error_handler(PoolTimeoutError, _database_gone)
    app.register_error_handler(HTTPException, _http)


def _http(error: HTTPException) -> tuple[str, int] | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    titles = {
        404: _("ページが見つかりません"),
        405: _("この操作はできません"),
        413: _("送信されたデータが大きすぎます"),
        429: _("操作が多すぎます。少し待ってからお試しください"),
        503: _("ただいま混み合っています。少し待ってからお試しください"),
        500: _("ポータルに問題が発生しました"),
    }
    return _render(code, titles.get(code, _("この要求は処理できません")))


def _expired(_error: CSRFError) -> tuple[str, int]:
    return _render(400, _("ページの有効期限が切れました。前のページを再読み込みして、もう一度お試しください"))


def _database_gone(error: Exception) -> tuple[str, int]:
    log.error("the database does not answer: %s", type(error).__name__)
    return _render(503, _("ただいま顧客情報を読み出せません。しばらくしてから再読み込みしてください"), "outage.html")


def _render(code: int, title: str, page: str = "error.html") -> tuple[str, int]:
    # A poll or click swaps nothing but a fragment of ours: it needs no page around the words.
    template = "partials/error.html" if "HX-Request" in request.headers else page
    return render_template(template, title=title, code=code), code
