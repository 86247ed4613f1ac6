"""The outbox, dead letters, the audit log and the demo clock."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False, comment='wall clock'),
    sa.Column('who', sa.BigInteger(), nullable=True, comment='user id; none for the system and for strangers'),
    sa.Column('action', sa.Text(), nullable=False, comment='domain.verb'),
    sa.Column('target', sa.Text(), nullable=False, comment='kind:id'),
    sa.Column('result', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=True, comment='where the request came from'),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='numbers and words only, nothing personal'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    op.create_index(op.f('ix_audit_action_id'), 'audit', ['action', 'id'], unique=False)
    op.create_index(op.f('ix_audit_target_id'), 'audit', ['target', 'id'], unique=False)
    op.create_index(op.f('ix_audit_who_id'), 'audit', ['who', 'id'], unique=False)
    op.create_table('dead_letter',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('args', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('error', sa.Text(), nullable=False, comment='the kind of the last error, not its text: that may be personal'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='when the job was asked for'),
    sa.Column('died_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dead_letter'))
    )
    op.create_table('demo_clock',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('ahead', sa.Interval(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_demo_clock_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_demo_clock'))
    )
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False, comment='the actor: domain.verb'),
    sa.Column('args', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='ids only'),
    sa.Column('key', sa.Text(), nullable=True, comment='at most one job with this key waits at a time'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False, comment='when the relay sends it again'),
    sa.Column('sends', sa.Integer(), nullable=False, comment='how often the relay has sent it'),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('key', name=op.f('uq_outbox_key'))
    )
    op.create_index(op.f('ix_outbox_due_at'), 'outbox', ['due_at'], unique=False)


def downgrade() -> None:
    for table in ('outbox', 'demo_clock', 'dead_letter', 'audit'):
        op.drop_table(table)
