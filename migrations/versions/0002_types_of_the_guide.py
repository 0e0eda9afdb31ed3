"""The types of lines that the guide names, and which of them have a status."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TYPES = (
    ("sip_phone", "SIP端末", "SIP phone", "by_server"),
    ("smartphone", "スマートフォン", "Smartphone", "by_server"),
    ("softphone", "ソフトフォン", "Softphone", "by_server"),
    ("video_phone", "ビデオ電話", "Video phone", "by_server"),
    ("sip_phone_campaign", "SIP端末(キャンペーン)", "SIP phone (campaign)", "by_server"),
    ("sip_trunk", "SIPトランク", "SIP trunk", "on_demand"),
    ("sip_trunk_2", "SIPトランク2", "SIP trunk 2", "live"),
    ("cloud_pbx_mobile", "クラウドPBX(ワイモバイル)", "Cloud PBX (Y!mobile)", "none"),
    ("forwarding", "発着転送", "Forwarding", "none"),
    ("from_forwarding", "フロム発着(逆転送)", "Reverse forwarding", "none"),
    ("conference", "会議室", "Conference room", "none"),
    ("outgoing_only", "発信専用", "Outgoing only", "none"),
    ("ivr", "IVR", "IVR", "none"),
    ("other", "その他", "Other", "none"),
)


def _table() -> sa.TableClause:
    return sa.table(
        "unique_type",
        sa.column("code", sa.String),
        sa.column("name_ja", sa.String),
        sa.column("name_en", sa.String),
        sa.column("rule", sa.String),
        sa.column("position", sa.Integer),
    )


def upgrade() -> None:
    """Apply."""
    op.bulk_insert(
        _table(),
        [
            {"code": code, "name_ja": name, "name_en": english, "rule": rule, "position": position}
            for position, (code, name, english, rule) in enumerate(_TYPES)
        ],
    )


def downgrade() -> None:
    """Take back the types that no line has."""
    table = _table()
    op.execute(table.delete().where(table.c.code.in_([code for code, *_ in _TYPES])))
