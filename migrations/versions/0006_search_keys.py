"""What searches compare: keys in the order of code points, and a key of circles."""

import sqlalchemy as sa
from alembic import op

from app.domain.search import fold

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

KEYS = (
    ('circle', 'number', 32),
    ('unique', 'number', 32),
    ('unique', 'name_key', 200),
    ('unique', 'incoming_digits', 32),
    ('unique', 'outgoing_digits', 32),
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table('circle', schema=None) as batch_op:
        batch_op.add_column(sa.Column('search_key', sa.String(length=700), nullable=False, server_default=''))
    collate('C')
    circle = sa.table('circle', *map(sa.column, ('id', 'user_information', 'department', 'person_in_charge', 'search_key')))
    connection = op.get_bind()
    for row in connection.execute(sa.select(circle)).all():
        key = '\n'.join(map(fold, (row.user_information, row.department, row.person_in_charge)))[:700]
        connection.execute(circle.update().where(circle.c.id == row.id).values(search_key=key))


def downgrade() -> None:
    """Take back."""
    collate('default')
    with op.batch_alter_table('circle', schema=None) as batch_op:
        batch_op.drop_column('search_key')


def collate(name: str) -> None:
    """SQLite compares by code points anyway."""
    if op.get_bind().dialect.name != 'postgresql':
        return
    for table, column, length in KEYS:
        op.alter_column(table, column, type_=sa.String(length, collation=name), existing_nullable=False)
