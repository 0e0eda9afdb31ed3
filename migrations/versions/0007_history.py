"""What happened to lines: each change of state, and when their servers were heard."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        'line_change',
        sa.Column('id', BIG, nullable=False),
        sa.Column('unique_id', sa.Integer(), nullable=False),
        sa.Column('circle_id', sa.Integer(), nullable=False),
        sa.Column('at', MOMENT, nullable=False),
        sa.Column('before', sa.String(length=32), nullable=True),
        sa.Column('after', sa.String(length=32), nullable=False),
        sa.Column('source', sa.String(length=200), nullable=True),
        sa.Column('user_agent', sa.String(length=200), nullable=True),
        sa.Column('cause', sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(['unique_id'], ['unique.id'], name='fk_line_change_unique_id_unique', ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['circle_id'], ['circle.id'], name='fk_line_change_circle_id_circle', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='pk_line_change'),
        sa.UniqueConstraint('unique_id', 'at', 'after', name='uq_line_change_unique_id_at_after'),
    )
    op.create_index('ix_line_change_circle_id_at', 'line_change', ['circle_id', 'at'])
    op.create_index('ix_line_change_at', 'line_change', ['at'])
    op.create_table(
        'coverage',
        sa.Column('id', BIG, nullable=False),
        sa.Column('server_id', sa.Integer(), nullable=False),
        sa.Column('since', MOMENT, nullable=False),
        sa.Column('until', MOMENT, nullable=False),
        sa.Column('cause', sa.String(length=32), nullable=False),
        sa.Column('problem', sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(['server_id'], ['sip_server.id'], name='fk_coverage_server_id_sip_server', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='pk_coverage'),
    )
    op.create_index('ix_coverage_server_id_until', 'coverage', ['server_id', 'until'])


def downgrade() -> None:
    """Take back."""
    op.drop_table('coverage')
    op.drop_table('line_change')
