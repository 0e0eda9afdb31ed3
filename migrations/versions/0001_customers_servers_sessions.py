"""Accounts, circles, uniques, SIP servers, staff and sessions."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('account',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('login_id', sa.String(length=64), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('locale', sa.String(length=8), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('login_id', name=op.f('uq_account_login_id'))
    )
    op.create_table('login_session',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.Enum('account', 'circle', 'unique', 'staff', name='principalkind', native_enum=False, length=32), nullable=False),
    sa.Column('principal_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.Column('user_agent', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_session'))
    )
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.create_index('ix_login_session_principal', ['kind', 'principal_id'], unique=False)

    op.create_table('sip_server',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('hostname', sa.String(length=253), nullable=False),
    sa.Column('family', sa.String(length=32), nullable=False),
    sa.Column('management_url', sa.String(length=500), nullable=False),
    sa.Column('credentials', sa.String(length=200), nullable=True),
    sa.Column('options', sa.String(length=2000), nullable=False),
    sa.Column('live', sa.Boolean(), nullable=False),
    sa.Column('pull_interval', sa.Double(), nullable=False),
    sa.CheckConstraint('pull_interval > 0', name=op.f('ck_sip_server_pull_interval_positive')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sip_server')),
    sa.UniqueConstraint('hostname', name=op.f('uq_sip_server_hostname'))
    )
    op.create_table('staff',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('login_id', sa.String(length=64), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff')),
    sa.UniqueConstraint('login_id', name=op.f('uq_staff_login_id'))
    )
    op.create_table('unique_type',
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('name_ja', sa.String(length=100), nullable=False),
    sa.Column('name_en', sa.String(length=100), nullable=False),
    sa.Column('rule', sa.Enum('none', 'by_server', 'live', 'on_demand', name='statusrule', native_enum=False, length=32), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_unique_type'))
    )
    op.create_table('circle',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=32), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=True),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('administrator', sa.Boolean(), nullable=False),
    sa.Column('user_information', sa.String(length=200), nullable=False),
    sa.Column('department', sa.String(length=200), nullable=False),
    sa.Column('person_in_charge', sa.String(length=200), nullable=False),
    sa.Column('applied_on', sa.Date(), nullable=False),
    sa.Column('state', sa.Enum('in_use', 'cancelled', 'other', name='circlestate', native_enum=False, length=32), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_circle_account_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_circle')),
    sa.UniqueConstraint('number', name=op.f('uq_circle_number'))
    )
    with op.batch_alter_table('circle', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_circle_account_id'), ['account_id'], unique=False)

    op.create_table('unique',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('circle_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=32), nullable=False),
    sa.Column('type_code', sa.String(length=32), nullable=False),
    sa.Column('server_id', sa.Integer(), nullable=True),
    sa.Column('aor', sa.String(length=255), nullable=False),
    sa.Column('ip_authentication', sa.Boolean(), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=True),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('affiliation', sa.String(length=200), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('pickup_group', sa.String(length=64), nullable=False),
    sa.Column('incoming_extension', sa.String(length=32), nullable=False),
    sa.Column('incoming_phone', sa.String(length=32), nullable=False),
    sa.Column('incoming_kind', sa.String(length=64), nullable=False),
    sa.Column('outgoing_extension', sa.String(length=32), nullable=False),
    sa.Column('outgoing_phone', sa.String(length=32), nullable=False),
    sa.Column('outgoing_kind', sa.String(length=64), nullable=False),
    sa.Column('name_key', sa.String(length=200), nullable=False),
    sa.Column('incoming_digits', sa.String(length=32), nullable=False),
    sa.Column('outgoing_digits', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['circle_id'], ['circle.id'], name=op.f('fk_unique_circle_id_circle')),
    sa.ForeignKeyConstraint(['server_id'], ['sip_server.id'], name=op.f('fk_unique_server_id_sip_server')),
    sa.ForeignKeyConstraint(['type_code'], ['unique_type.code'], name=op.f('fk_unique_type_code_unique_type')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unique')),
    sa.UniqueConstraint('number', name=op.f('uq_unique_number')),
    sa.UniqueConstraint('server_id', 'aor', name=op.f('uq_unique_server_id_aor'))
    )
    with op.batch_alter_table('unique', schema=None) as batch_op:
        batch_op.create_index('ix_unique_circle_id_number', ['circle_id', 'number'], unique=False)
        batch_op.create_index(batch_op.f('ix_unique_incoming_digits'), ['incoming_digits'], unique=False)
        batch_op.create_index(batch_op.f('ix_unique_name_key'), ['name_key'], unique=False)
        batch_op.create_index(batch_op.f('ix_unique_outgoing_digits'), ['outgoing_digits'], unique=False)



def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table('unique', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unique_outgoing_digits'))
        batch_op.drop_index(batch_op.f('ix_unique_name_key'))
        batch_op.drop_index(batch_op.f('ix_unique_incoming_digits'))
        batch_op.drop_index('ix_unique_circle_id_number')

    op.drop_table('unique')
    with op.batch_alter_table('circle', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_circle_account_id'))

    op.drop_table('circle')
    op.drop_table('unique_type')
    op.drop_table('staff')
    op.drop_table('sip_server')
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.drop_index('ix_login_session_principal')

    op.drop_table('login_session')
    op.drop_table('account')
