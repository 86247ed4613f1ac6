"""The inbox and what people agreed to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('notification',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False, comment='one per cause'),
    sa.Column('type', sa.Enum('CHALLENGE_JOINED', 'CHALLENGE_STARTED', 'CHALLENGE_ENDED', 'CHALLENGE_CANCELED', 'CHALLENGE_REMINDER', 'VERIFICATION_SUCCESS', 'VERIFICATION_MISSED', 'REWARD_GRANTED', 'PAYMENT_SUCCESS', 'PAYMENT_FAILED', 'PAYMENT_REMINDER', 'POINT_GRANTED', 'SYSTEM_ALERT', 'ADMIN_MESSAGE', name='type', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('link_kind', sa.Text(), nullable=True, comment='app.py maps it to a page'),
    sa.Column('link_id', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_notification_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notification')),
    sa.UniqueConstraint('key', name=op.f('uq_notification_key'))
    )
    op.create_index('ix_notification_unread', 'notification', ['user_id'], unique=False, postgresql_where='read_at IS NULL')
    op.create_index(op.f('ix_notification_user_id_id'), 'notification', ['user_id', 'id'], unique=False)
    op.create_table('notification_preference',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('marketing_at', sa.DateTime(timezone=True), nullable=True, comment='wall clock; when marketing was agreed to'),
    sa.Column('night_at', sa.DateTime(timezone=True), nullable=True, comment='wall clock; when marketing from 21:00 to 08:00 was agreed to'),
    sa.Column('reminder_hour', sa.Integer(), nullable=False, comment='Seoul time'),
    sa.CheckConstraint('night_at IS NULL OR marketing_at IS NOT NULL', name=op.f('ck_notification_preference_night_needs_marketing')),
    sa.CheckConstraint('reminder_hour BETWEEN 0 AND 23', name=op.f('ck_notification_preference_reminder_hour')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_notification_preference_user_id_user_account')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_notification_preference'))
    )


def downgrade() -> None:
    for table in ('notification_preference', 'notification'):
        op.drop_table(table)
