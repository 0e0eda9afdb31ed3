"""The demo's customers as plain data: the same every time. Names, numbers and companies are made up."""

import hmac
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from demo import words
from demo.servers import ASTERISK, BY_NAME, FREESWITCH, LIVE, ON_DEMAND, OPENSIPS

STAFF_LOGIN = "support"
STAFF_NAME = "サポート 窓口"

PHONE, SMARTPHONE, SOFTPHONE, VIDEO = "SIP端末", "スマートフォン", "ソフトフォン", "ビデオ電話"
CAMPAIGN, TRUNK, TRUNK2 = "SIP端末(キャンペーン)", "SIPトランク", "SIPトランク2"
FORWARDING, FROM_FORWARDING, CONFERENCE = "発着転送", "フロム発着(逆転送)", "会議室"
OUTGOING_ONLY, IVR, MOBILE, OTHER = "発信専用", "IVR", "クラウドPBX(ワイモバイル)", "その他"
REGISTERING = frozenset((PHONE, SMARTPHONE, SOFTPHONE, VIDEO, CAMPAIGN, TRUNK, TRUNK2))

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_PASSWORD_LENGTH = 12
_RESERVED = "お手元のソフトフォンで登録してみてください"


@dataclass(frozen=True, slots=True)
class Line:
    """One unique. `number` is its UID, its SIP user and, where it may log in to the portal, its login ID."""

    number: str
    type_name: str
    server: str | None
    name: str
    affiliation: str
    extension: str
    phone: str
    note: str = ""
    pickup_group: str = ""
    ip_authentication: bool = False
    may_log_in: bool = False

    @property
    def registers(self) -> bool:
        """Whether a phone can log in with it."""
        return self.server is not None and self.type_name in REGISTERING and not self.ip_authentication


@dataclass(frozen=True, slots=True)
class Group:
    """One circle and its lines."""

    number: str
    user_information: str
    department: str
    person_in_charge: str
    applied_on: date
    lines: tuple[Line, ...]
    state: str = "in_use"
    administrator: bool = False


@dataclass(frozen=True, slots=True)
class Customer:
    """One account and its circles."""

    login_id: str
    name: str
    email: str
    groups: tuple[Group, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How the lines of a circle are made: so many of each type, at `server`, every other phone at one of `others`."""

    prefix: str
    server: str
    counts: tuple[tuple[str, int], ...]
    affiliations: tuple[str, ...]
    area_code: str
    pickup: bool = False
    others: tuple[str, ...] = ()


_HEAD_OFFICE = _Recipe(
    "050000100",
    LIVE,
    (
        *((SOFTPHONE, 11), (PHONE, 66), (SMARTPHONE, 16), (VIDEO, 4), (CAMPAIGN, 6), (TRUNK2, 3), (TRUNK, 2)),
        *((FORWARDING, 5), (FROM_FORWARDING, 3), (CONFERENCE, 3), (OUTGOING_ONLY, 3), (IVR, 2), (MOBILE, 6)),
        (OTHER, 2),
    ),
    words.OFFICE,
    "03-0000",
)
_OSAKA = _Recipe(
    "050000200",
    LIVE,
    ((PHONE, 32), (SMARTPHONE, 6), (SOFTPHONE, 4), (TRUNK2, 2), (TRUNK, 2), (FORWARDING, 3), (MOBILE, 3), (IVR, 1)),
    words.BRANCH,
    "06-0000",
    others=(OPENSIPS, ASTERISK, FREESWITCH),
)
_CALL_CENTRE = _Recipe(
    "050000300",
    ON_DEMAND,
    ((PHONE, 34), (SOFTPHONE, 8), (VIDEO, 1), (TRUNK, 1)),
    words.CALL_CENTRE,
    "0120-000",
    pickup=True,
)
_NAGOYA = _Recipe("050000400", LIVE, ((PHONE, 2), (FORWARDING, 1)), ("旧名古屋営業所",), "052-000")
_HOSPITAL = _Recipe(
    "050000500",
    LIVE,
    ((PHONE, 40), (SMARTPHONE, 10), (CAMPAIGN, 2), (FORWARDING, 2), (CONFERENCE, 1), (IVR, 1)),
    words.HOSPITAL,
    "045-000",
)
_VISITING = _Recipe("050000600", ON_DEMAND, ((SMARTPHONE, 9), (TRUNK, 1), (MOBILE, 2)), words.VISITING, "045-001")


def customers() -> tuple[Customer, ...]:
    """Two accounts, six circles, some 300 lines."""
    return (
        Customer(
            "hikari",
            "ひかり商事株式会社",
            "pbx@hikari.example.jp",
            (
                _group(_HEAD_OFFICE, "100000001001", "本社", "情報システム室 室長", date(2014, 6, 17), first=True),
                _group(_OSAKA, "100000001002", "大阪支店", "業務課", date(2015, 3, 2)),
                _group(_CALL_CENTRE, "100000001003", "コールセンター", "運用チーム リーダー", date(2019, 11, 25)),
                _group(_NAGOYA, "100000001004", "旧名古屋営業所", "", date(2016, 9, 1), state="cancelled"),
            ),
        ),
        Customer(
            "midori",
            "医療法人みどり会",
            "jimu@midori.example.jp",
            (
                _group(_HOSPITAL, "100000002001", "みどり総合病院", "医事課", date(2018, 4, 9), first=True),
                _group(_VISITING, "100000002002", "みどり訪問看護", "管理者", date(2022, 1, 20), state="other"),
            ),
        ),
    )


def all_lines() -> list[Line]:
    """Every line of every customer."""
    return [line for customer in customers() for group in customer.groups for line in group.lines]


def reserved_line() -> Line:
    """The line that no simulated phone uses: it waits for a person's softphone."""
    return customers()[0].groups[0].lines[0]


def printed_logins() -> dict[str, str]:
    """The login IDs that the demo prints, by the kind of login."""
    first = customers()[0]
    return {
        "account": first.login_id,
        "circle": first.groups[0].number,
        "unique": reserved_line().number,
        "staff": STAFF_LOGIN,
    }


def password(secret: str, name: str) -> str:
    """The password of a login ID or a device: the same for the same secret, and not to be guessed without it."""
    digest = hmac.digest(secret.encode(), name.encode(), "sha256")
    return "".join(_ALPHABET[octet % len(_ALPHABET)] for octet in digest[:_PASSWORD_LENGTH])


def _group(
    recipe: _Recipe,
    number: str,
    user: str,
    department: str,
    applied: date,
    *,
    state: str = "in_use",
    first: bool = False,
) -> Group:
    person = _person(random.Random(number))
    return Group(number, user, department, person, applied, tuple(_lines(recipe)), state, administrator=first)


def _lines(recipe: _Recipe) -> Iterator[Line]:
    dice = random.Random(recipe.prefix)
    types = [name for name, count in recipe.counts for _ in range(count)]
    head, rest = types[:1], types[1:]
    dice.shuffle(rest)
    trunks = 0
    for position, type_name in enumerate(head + rest, 1):
        trunks += type_name == TRUNK2
        yield _line(recipe, position, type_name, dice, by_address=type_name == TRUNK2 and trunks % 2 == 0)


def _line(recipe: _Recipe, position: int, type_name: str, dice: random.Random, *, by_address: bool) -> Line:
    number = f"{recipe.prefix}{position:02d}" if position < 100 else f"{recipe.prefix[:-1]}{position}"
    reserved = recipe is _HEAD_OFFICE and position == 1
    registers = type_name in REGISTERING
    person = _person(dice)
    note = dice.choice(words.NOTES)
    server = _server(recipe, position, type_name)
    return Line(
        number=number,
        type_name=type_name,
        server=server if registers else None,
        name="お試し用ソフトフォン" if reserved else person if registers else f"{type_name} {position}",
        affiliation=dice.choice(recipe.affiliations),
        extension=str(200 + position) if type_name not in (TRUNK, TRUNK2) else "",
        phone=_phone(recipe.area_code, position) if registers and dice.random() < 0.7 else "",
        note=_RESERVED if reserved else _named(server) if registers and recipe.others else note,
        pickup_group=f"{dice.randrange(1, 5)}" if recipe.pickup else "",
        ip_authentication=by_address,
        may_log_in=position == 1,
    )


def _server(recipe: _Recipe, position: int, type_name: str) -> str:
    """Every other phone of a circle with `others` is at one of those, each in its turn."""
    if not recipe.others or position % 2 or type_name in (TRUNK, TRUNK2):
        return recipe.server
    return recipe.others[position // 2 % len(recipe.others)]


def _named(server: str) -> str:
    return f"{BY_NAME[server].short} ({BY_NAME[server].title})"


def _phone(area_code: str, position: int) -> str:
    """A phone number whose exchange code no one has."""
    return f"{area_code}-{1000 + position}"


def _person(dice: random.Random) -> str:
    return f"{dice.choice(words.FAMILY_NAMES)} {dice.choice(words.GIVEN_NAMES)}"
