"""What an audit entry says, in words. An action that is not here is shown as the word that was stored."""

import json
from typing import Any

from app.i18n import _, _l

ACTIONS: dict[str, Any] = {
    "login.password": _l("ポータルのパスワードを変更"),
    "login.password-by-link": _l("メールのリンクでポータルのパスワードを設定"),
    "login.reminder": _l("リマインドメールを送信"),
    "login.email-asked": _l("メールアドレスの変更を申請"),
    "login.email": _l("メールアドレスを変更"),
    "login.language": _l("言語を選択"),
    "request.add_circle": _l("サークルの追加を申込"),
    "request.cancel_circle": _l("サークルの解約を申込"),
    "request.cancel_unique": _l("ユニークの解約を申込"),
    "request.undo": _l("申込を取消"),
    "request.carry_out": _l("申込を完了"),
    "request.refuse": _l("申込をお断り"),
    "login.session-ended": _l("セッションを終了"),
    "login.sessions-ended": _l("すべてのセッションを終了"),
    "unique.edit": _l("ユニークの情報を変更"),
    "unique.password": _l("端末パスワードを上書き"),
    "server.believe": _l("不審なサーバー回答を承認"),
}

FIELDS: dict[str, Any] = {
    "name": _l("名称"),
    "affiliation": _l("所属"),
    "note": _l("備考"),
    "email": _l("メールアドレス"),
    "language": _l("言語"),
    "sessions_ended": _l("終了したセッション"),
    "generated": _l("自動生成"),
    "kind": _l("種別"),
    "user_information": _l("サークル使用者情報"),
    "department": _l("部署・役職"),
    "person_in_charge": _l("担当者"),
    "remarks": _l("備考"),
    "lines": _l("登録中のユニーク数"),
    "doubt": _l("不審な点"),
}
"""What is noted beside an action."""


def words_of(action: str) -> str:
    """An action in the reader's language."""
    return str(ACTIONS.get(action, action))


def details_of(detail: str) -> list[tuple[str, str]]:
    """What was noted beside it: names and values; a pair is what it was before and after."""
    try:
        noted = json.loads(detail) if detail else {}
    except ValueError:
        return [("", detail)]
    if not isinstance(noted, dict):
        return [("", detail)]
    return [(str(FIELDS.get(name, name)), _value(value)) for name, value in noted.items()]


def _value(value: object) -> str:
    if isinstance(value, list) and len(value) == 2:
        before, after = (str(part) or _("(なし)") for part in value)
        return f"{before} → {after}"
    if isinstance(value, bool):
        return _("はい") if value else _("いいえ")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
