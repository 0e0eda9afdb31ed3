"""Requests to add and cancel, mailed links, the audit trail, links of the navigation, how phones reach a server."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('mailed_link',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.Enum('set_password', 'confirm_email', name='linkpurpose', native_enum=False, length=32), nullable=False),
    sa.Column('kind', sa.Enum('account', 'circle', 'unique', 'staff', name='principalkind', native_enum=False, length=32), nullable=False),
    sa.Column('principal_id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_mailed_link'))
    )
    op.create_table('navigation_link',
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('name_ja', sa.String(length=100), nullable=False),
    sa.Column('name_en', sa.String(length=100), nullable=False),
    sa.Column('url', sa.String(length=500), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_navigation_link'))
    )
    op.create_table('audit_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.Enum('account', 'circle', 'unique', 'staff', name='principalkind', native_enum=False, length=32), nullable=False),
    sa.Column('principal_id', sa.Integer(), nullable=False),
    sa.Column('who', sa.String(length=200), nullable=False),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('target', sa.String(length=200), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_audit_entry_account_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entry'))
    )
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index('ix_audit_entry_account_id_at', ['account_id', 'at'], unique=False)

    op.create_table('service_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('add_circle', 'cancel_circle', 'cancel_unique', name='requestkind', native_enum=False, length=32), nullable=False),
    sa.Column('state', sa.Enum('requested', 'undone', 'carried_out', 'refused', name='requeststate', native_enum=False, length=32), nullable=False),
    sa.Column('circle_id', sa.Integer(), nullable=True),
    sa.Column('unique_id', sa.Integer(), nullable=True),
    sa.Column('wish', sa.Text(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_service_request_account_id_account')),
    sa.ForeignKeyConstraint(['circle_id'], ['circle.id'], name=op.f('fk_service_request_circle_id_circle')),
    sa.ForeignKeyConstraint(['unique_id'], ['unique.id'], name=op.f('fk_service_request_unique_id_unique')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_request'))
    )
    with op.batch_alter_table('service_request', schema=None) as batch_op:
        batch_op.create_index('ix_service_request_account_id_requested_at', ['account_id', 'requested_at'], unique=False)
        batch_op.create_index('ix_service_request_circle_id_state', ['circle_id', 'state'], unique=False)
        batch_op.create_index('ix_service_request_unique_id_state', ['unique_id', 'state'], unique=False)

    with op.batch_alter_table('sip_server', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sip_port', sa.Integer(), nullable=False, server_default='5060'))
        batch_op.add_column(sa.Column('sip_transport', sa.String(length=8), nullable=False, server_default='udp'))



def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table('sip_server', schema=None) as batch_op:
        batch_op.drop_column('sip_transport')
        batch_op.drop_column('sip_port')

    with op.batch_alter_table('service_request', schema=None) as batch_op:
        batch_op.drop_index('ix_service_request_unique_id_state')
        batch_op.drop_index('ix_service_request_circle_id_state')
        batch_op.drop_index('ix_service_request_account_id_requested_at')

    op.drop_table('service_request')
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_entry_account_id_at')

    op.drop_table('audit_entry')
    op.drop_table('navigation_link')
    op.drop_table('mailed_link')
