"""Accounts, consents and sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('user_account',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('email', sa.Text(), nullable=True, comment='case-folded; none after withdrawal'),
    sa.Column('email_verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('password_hash', sa.Text(), nullable=True, comment='Argon2id; none for social sign-in only'),
    sa.Column('role', sa.Enum('USER', 'ADMIN', name='role', native_enum=False, create_constraint=True, length=8), nullable=False),
    sa.Column('nickname', sa.String(length=12), nullable=False, comment='as typed'),
    sa.Column('nickname_key', sa.Text(), nullable=True, comment='NFKC and case-folded'),
    sa.Column('birth_on', sa.Date(), nullable=True),
    sa.Column('bio', sa.String(length=200), nullable=False),
    sa.Column('find_by_email', sa.Boolean(), nullable=False, comment='whether members may find them by e-mail'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True, comment='business clock'),
    sa.CheckConstraint("withdrawn_at IS NULL OR (email IS NULL AND password_hash IS NULL AND birth_on IS NULL AND bio = '')", name=op.f('ck_user_account_withdrawn_is_bare')),
    sa.CheckConstraint('(withdrawn_at IS NULL) = (nickname_key IS NOT NULL)', name=op.f('ck_user_account_nickname_key')),
    sa.CheckConstraint('char_length(bio) <= 200', name=op.f('ck_user_account_bio')),
    sa.CheckConstraint('char_length(nickname) BETWEEN 2 AND 12', name=op.f('ck_user_account_nickname')),
    sa.CheckConstraint('withdrawn_at IS NOT NULL OR birth_on IS NOT NULL', name=op.f('ck_user_account_birth_on')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_account')),
    sa.UniqueConstraint('email', name=op.f('uq_user_account_email')),
    sa.UniqueConstraint('nickname_key', name=op.f('uq_user_account_nickname_key'))
    )
    op.create_table('user_consent',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('what', sa.Enum('TERMS', 'PRIVACY', name='what', native_enum=False, create_constraint=True, length=8), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('agreed_at', sa.DateTime(timezone=True), nullable=False, comment='wall clock'),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_user_consent_user_id_user_account')),
    sa.PrimaryKeyConstraint('user_id', 'what', 'version', name=op.f('pk_user_consent'))
    )
    op.create_table('user_session',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False, comment='random: a restored database never gives an id, and with it the tokens of one, a second time'),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False, comment='of the present refresh token'),
    sa.Column('rotated_at', sa.DateTime(timezone=True), nullable=False, comment='when that one was first given'),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True, comment='when that one had arrived'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False, comment='to a quarter of an hour'),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('user_agent', sa.String(length=300), nullable=False),
    sa.CheckConstraint('generation >= 1', name=op.f('ck_user_session_generation')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_user_session_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_session'))
    )
    op.create_index(op.f('ix_user_session_rotated_at'), 'user_session', ['rotated_at'], unique=False)
    op.create_index(op.f('ix_user_session_user_id'), 'user_session', ['user_id'], unique=False)


def downgrade() -> None:
    for table in ('user_session', 'user_consent', 'user_account'):
        op.drop_table(table)
