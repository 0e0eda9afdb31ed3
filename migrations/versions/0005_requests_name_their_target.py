"""Requests name what they are about and are not made twice; live lines are counted from an index alone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

_WAITING = {
    "uq_service_request_waiting_unique": ("unique_id", "state = 'requested'"),
    "uq_service_request_waiting_circle": ("circle_id", "state = 'requested' AND kind = 'cancel_circle'"),
}


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("service_request") as batch:
        batch.add_column(sa.Column("target", sa.String(length=32), nullable=False, server_default=""))
    for name, (column, condition) in _WAITING.items():
        where = sa.text(condition)
        op.create_index(name, "service_request", [column], unique=True, sqlite_where=where, postgresql_where=where)
    op.create_index(
        "ix_unique_circle_id_server_id", "unique", ["circle_id", "server_id", "type_code", "ip_authentication"]
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_unique_circle_id_server_id", table_name="unique")
    for name in _WAITING:
        op.drop_index(name, table_name="service_request")
    with op.batch_alter_table("service_request") as batch:
        batch.drop_column("target")
