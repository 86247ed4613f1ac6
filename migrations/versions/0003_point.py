"""The ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('point_account',
    sa.Column('kind', sa.Enum('WALLET', 'ESCROW', 'CLEARING', 'RECEIVABLE', 'SHOP_REVENUE', 'GRANTS', 'HOUSE', name='account_kind', native_enum=False, create_constraint=True, length=16), nullable=False),
    sa.Column('owner_id', sa.BigInteger(), autoincrement=False, nullable=False, comment='user id of a wallet, challenge id of an escrow'),
    sa.Column('balance', sa.BigInteger(), nullable=False, comment='points; kept by trigger'),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('WALLET', 'ESCROW')", name=op.f('ck_point_account_kept')),
    sa.CheckConstraint('balance >= 0', name=op.f('ck_point_account_balance')),
    sa.CheckConstraint('closed_at IS NULL OR balance = 0', name=op.f('ck_point_account_closed_empty')),
    sa.PrimaryKeyConstraint('kind', 'owner_id', name=op.f('pk_point_account'))
    )
    op.create_table('point_entry',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('key', sa.Text(), nullable=False, comment='idempotency key: what the movement is for'),
    sa.Column('reason', sa.Enum('CHARGE', 'CHARGE_CANCEL', 'CHARGE_OWED', 'CHARGE_RESTORE', 'CHALLENGE_ENTRY', 'CHALLENGE_REFUND', 'CHALLENGE_REWARD', 'PRODUCT_PURCHASE', 'PRODUCT_REFUND', 'ADMIN_GRANT', 'WITHDRAWAL', name='reason', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('about_kind', sa.Text(), nullable=False),
    sa.Column('about_id', sa.Text(), nullable=False),
    sa.Column('about_label', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='business clock'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_point_entry')),
    sa.UniqueConstraint('key', name=op.f('uq_point_entry_key'))
    )
    op.create_table('point_lot',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('entry_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Enum('PAID', 'FREE', name='lot_kind', native_enum=False, create_constraint=True, length=8), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('remaining', sa.BigInteger(), nullable=False, comment='kept by trigger from point_lot_use'),
    sa.CheckConstraint('amount > 0', name=op.f('ck_point_lot_amount')),
    sa.CheckConstraint('remaining BETWEEN 0 AND amount', name=op.f('ck_point_lot_remaining')),
    sa.ForeignKeyConstraint(['entry_id'], ['point_entry.id'], name=op.f('fk_point_lot_entry_id_point_entry')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_point_lot')),
    sa.UniqueConstraint('entry_id', name=op.f('uq_point_lot_entry_id'))
    )
    op.create_index('ix_point_lot_open', 'point_lot', ['user_id', 'id'], unique=False, postgresql_where='remaining > 0')
    op.create_table('point_posting',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('entry_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Enum('WALLET', 'ESCROW', 'CLEARING', 'RECEIVABLE', 'SHOP_REVENUE', 'GRANTS', 'HOUSE', name='account_kind', native_enum=False, create_constraint=True, length=16), nullable=False),
    sa.Column('owner_id', sa.BigInteger(), nullable=False, comment='0 for system accounts'),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='points, positive into the account'),
    sa.Column('balance_after', sa.BigInteger(), nullable=True, comment='of a wallet, for its history'),
    sa.CheckConstraint("(kind = 'WALLET') = (balance_after IS NOT NULL)", name=op.f('ck_point_posting_balance_after')),
    sa.CheckConstraint('amount <> 0', name=op.f('ck_point_posting_amount')),
    sa.ForeignKeyConstraint(['entry_id'], ['point_entry.id'], name=op.f('fk_point_posting_entry_id_point_entry')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_point_posting'))
    )
    op.create_index(op.f('ix_point_posting_entry_id'), 'point_posting', ['entry_id'], unique=False)
    op.create_index(op.f('ix_point_posting_kind_owner_id_id'), 'point_posting', ['kind', 'owner_id', 'id'], unique=False)
    op.create_table('point_lot_use',
    sa.Column('entry_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount <> 0', name=op.f('ck_point_lot_use_amount')),
    sa.ForeignKeyConstraint(['entry_id'], ['point_entry.id'], name=op.f('fk_point_lot_use_entry_id_point_entry')),
    sa.ForeignKeyConstraint(['lot_id'], ['point_lot.id'], name=op.f('fk_point_lot_use_lot_id_point_lot')),
    sa.PrimaryKeyConstraint('entry_id', 'lot_id', name=op.f('pk_point_lot_use'))
    )
    op.create_index(op.f('ix_point_lot_use_lot_id'), 'point_lot_use', ['lot_id'], unique=False)


def downgrade() -> None:
    for table in ('point_lot_use', 'point_posting', 'point_lot', 'point_entry', 'point_account'):
        op.drop_table(table)
