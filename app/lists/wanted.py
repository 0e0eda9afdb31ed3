"""What part of a list a URL asks for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.directory import LARGEST_ID

_DESCENDING = "desc"
_DIGITS = 100
"""More of them are no page's number."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Tab, sorting, filter and page. An empty word is the default: everything, by number."""

    tab: str = ""
    sort: str = ""
    descending: bool = False
    state: str = ""
    page: int = 1
    after: int = 0
    """Id of the row before the page's first, where the page is far from both ends of the list; 0 where it is not."""
    before: int = 0
    """Id of the row after the page's last, likewise."""

    @classmethod
    def parse(
        cls,
        args: Mapping[str, str],
        *,
        tabs: Collection[str],
        sorts: Collection[str],
        states: Collection[str] = (),
    ) -> "Wanted":
        """From the URL's arguments. A word that is not among the known ones is the default."""
        return cls(
            tab=_known(args.get("tab"), tabs),
            sort=_known(args.get("sort"), sorts),
            descending=args.get("order") == _DESCENDING,
            state=_known(args.get("state"), states),
            page=max(1, _number(args.get("page", ""))),
            after=_id(args.get("after", "")),
            before=_id(args.get("before", "")),
        )

    def query(self, **changes: Any) -> dict[str, Any]:
        """The URL's arguments for this or, with `changes`, for another part; what is the default is left out.

        Whoever goes to another tab, sorting or filter begins at its first page.
        """
        to = replace(self, **{"page": 1, "after": 0, "before": 0, **changes}) if changes else self
        pairs: dict[str, Any] = {
            "tab": to.tab,
            "sort": to.sort,
            "order": _DESCENDING if to.descending else "",
            "state": to.state,
            "page": to.page if to.page > 1 else "",
            "after": to.after,
            "before": to.before,
        }
        return {name: value for name, value in pairs.items() if value}


def _known(word: str | None, words: Collection[str]) -> str:
    return word if word is not None and word in words else ""


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        return 0
    return int(text)


def _id(text: str) -> int:
    number = _number(text)
    return number if number <= LARGEST_ID else 0
