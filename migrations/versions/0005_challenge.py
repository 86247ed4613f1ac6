"""Challenges, participants, verifications and settlements."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('challenge',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('host_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=50), nullable=False),
    sa.Column('description', sa.String(length=2000), nullable=False),
    sa.Column('category', sa.Enum('HEALTH', 'STUDY', 'RELATIONSHIP', 'HABIT', name='category', native_enum=False, create_constraint=True, length=16), nullable=False),
    sa.Column('status', sa.Enum('WAITING', 'READY', 'ONGOING', 'FINISHED', 'CANCELED', name='status', native_enum=False, create_constraint=True, length=16), nullable=False),
    sa.Column('min_participants', sa.Integer(), nullable=False),
    sa.Column('max_participants', sa.Integer(), nullable=False),
    sa.Column('fee', sa.BigInteger(), nullable=False, comment='points each participant stakes'),
    sa.Column('start_date', sa.Date(), nullable=False),
    sa.Column('due_date', sa.Date(), nullable=False, comment='the last day that counts'),
    sa.Column('participant_count', sa.Integer(), nullable=False, comment='who staked and has not quit'),
    sa.Column('pot', sa.BigInteger(), nullable=False, comment='all stakes, those of quitters included'),
    sa.Column('version', sa.Integer(), nullable=False, comment='of the terms; raised by editing only'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.Column('set_aside_until', sa.DateTime(timezone=True), nullable=True, comment='wall clock; the job failed with it and leaves it alone so long (C15)'),
    sa.CheckConstraint('2 <= min_participants AND min_participants <= max_participants', name=op.f('ck_challenge_min_participants')),
    sa.CheckConstraint('char_length(description) BETWEEN 1 AND 2000', name=op.f('ck_challenge_description')),
    sa.CheckConstraint('char_length(name) BETWEEN 2 AND 50', name=op.f('ck_challenge_name')),
    sa.CheckConstraint('due_date > start_date AND due_date - start_date < 365', name=op.f('ck_challenge_dates')),
    sa.CheckConstraint('fee BETWEEN 100 AND 200000', name=op.f('ck_challenge_fee')),
    sa.CheckConstraint('max_participants <= 10000', name=op.f('ck_challenge_max_participants')),
    sa.CheckConstraint('participant_count BETWEEN 0 AND max_participants', name=op.f('ck_challenge_participant_count')),
    sa.CheckConstraint('pot >= fee * participant_count', name=op.f('ck_challenge_pot')),
    sa.ForeignKeyConstraint(['host_id'], ['user_account.id'], name=op.f('fk_challenge_host_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_challenge'))
    )
    op.create_index(op.f('ix_challenge_host_id'), 'challenge', ['host_id'], unique=False)
    op.create_index(op.f('ix_challenge_participant_count_id'), 'challenge', ['participant_count', 'id'], unique=False)
    op.create_index(op.f('ix_challenge_pot_id'), 'challenge', ['pot', 'id'], unique=False)
    op.create_index(op.f('ix_challenge_start_date_id'), 'challenge', ['start_date', 'id'], unique=False)
    op.create_index('ix_challenge_to_settle', 'challenge', ['due_date', 'id'], unique=False, postgresql_where="status = 'ONGOING'")
    op.create_index('ix_challenge_to_start', 'challenge', ['start_date', 'id'], unique=False, postgresql_where="status IN ('WAITING', 'READY')")
    op.create_table('participant',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('challenge_id', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.Column('quit_at', sa.DateTime(timezone=True), nullable=True, comment='while ONGOING only'),
    sa.ForeignKeyConstraint(['challenge_id'], ['challenge.id'], name=op.f('fk_participant_challenge_id_challenge')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_participant_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_participant')),
    sa.UniqueConstraint('challenge_id', 'user_id', name=op.f('uq_participant_challenge_id_user_id'))
    )
    op.create_index(op.f('ix_participant_user_id_id'), 'participant', ['user_id', 'id'], unique=False)
    op.create_table('settlement',
    sa.Column('challenge_id', sa.BigInteger(), nullable=False),
    sa.Column('pot', sa.BigInteger(), nullable=False),
    sa.Column('achievers', sa.Integer(), nullable=False),
    sa.Column('winners', sa.Integer(), nullable=False, comment='achievers, or all who stayed if there are none'),
    sa.Column('share', sa.BigInteger(), nullable=False),
    sa.Column('remainder', sa.Integer(), nullable=False, comment='points that went one each to the first winners'),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.CheckConstraint('share * winners + remainder = pot', name=op.f('ck_settlement_adds_up')),
    sa.ForeignKeyConstraint(['challenge_id'], ['challenge.id'], name=op.f('fk_settlement_challenge_id_challenge')),
    sa.PrimaryKeyConstraint('challenge_id', name=op.f('pk_settlement'))
    )
    op.create_table('verification',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('challenge_id', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False, comment='in Seoul, when the request arrived'),
    sa.Column('content', sa.String(length=255), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.CheckConstraint('char_length(content) BETWEEN 1 AND 255', name=op.f('ck_verification_content')),
    sa.ForeignKeyConstraint(['challenge_id'], ['challenge.id'], name=op.f('fk_verification_challenge_id_challenge')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_verification_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_verification')),
    sa.UniqueConstraint('challenge_id', 'user_id', 'day', name=op.f('uq_verification_challenge_id_user_id_day'))
    )
    op.create_index(op.f('ix_verification_challenge_id_id'), 'verification', ['challenge_id', 'id'], unique=False)
    op.create_table('settlement_share',
    sa.Column('participant_id', sa.BigInteger(), nullable=False),
    sa.Column('challenge_id', sa.BigInteger(), nullable=False),
    sa.Column('verified_days', sa.Integer(), nullable=False),
    sa.Column('achieved', sa.Boolean(), nullable=False),
    sa.Column('points', sa.BigInteger(), nullable=False, comment='0 for those who got nothing'),
    sa.ForeignKeyConstraint(['challenge_id'], ['settlement.challenge_id'], name=op.f('fk_settlement_share_challenge_id_settlement')),
    sa.ForeignKeyConstraint(['participant_id'], ['participant.id'], name=op.f('fk_settlement_share_participant_id_participant')),
    sa.PrimaryKeyConstraint('participant_id', name=op.f('pk_settlement_share'))
    )
    op.create_index(op.f('ix_settlement_share_challenge_id'), 'settlement_share', ['challenge_id'], unique=False)


def downgrade() -> None:
    for table in ('settlement_share', 'verification', 'settlement', 'participant', 'challenge'):
        op.drop_table(table)
