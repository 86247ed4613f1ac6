"""Social links, profile pictures, and who must still be known after leaving."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BARE = "withdrawn_at IS NULL OR (email IS NULL AND password_hash IS NULL AND birth_on IS NULL AND bio = ''{image})"
NAME = "ck_user_account_withdrawn_is_bare"


def upgrade() -> None:
    op.add_column('user_account', sa.Column('image', sa.Text(), nullable=True, comment='the key of the picture; a new one for each picture'))
    op.drop_constraint(op.f(NAME), 'user_account', type_='check')
    op.create_check_constraint(op.f(NAME), 'user_account', BARE.format(image=" AND image IS NULL"))
    op.create_table('user_social_link',
    sa.Column('provider', _provider(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False, comment="the provider's stable id"),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('sealed_token', sa.Text(), nullable=True, comment='for unlinking there; encrypted'),
    sa.Column('linked_at', sa.DateTime(timezone=True), nullable=False, comment='wall clock'),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_user_social_link_user_id_user_account')),
    sa.PrimaryKeyConstraint('provider', 'subject', name=op.f('pk_user_social_link')),
    sa.UniqueConstraint('user_id', 'provider', name=op.f('uq_user_social_link_user_id_provider'))
    )
    op.create_table('user_unlinking',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('provider', _provider(), nullable=False),
    sa.Column('sealed_token', sa.Text(), nullable=False, comment='encrypted'),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False, comment='wall clock'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_unlinking'))
    )
    op.create_table('user_image',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('width', sa.Integer(), autoincrement=False, nullable=False, comment='and height, in pixels'),
    sa.Column('webp', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('key', 'width', name=op.f('pk_user_image'))
    )
    op.create_table('retained_identity',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('delete_on', sa.Date(), nullable=False, comment='Seoul date, five years after leaving'),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_retained_identity'))
    )
    op.create_index(op.f('ix_retained_identity_delete_on'), 'retained_identity', ['delete_on'], unique=False)


def downgrade() -> None:
    for table in ('retained_identity', 'user_image', 'user_unlinking', 'user_social_link'):
        op.drop_table(table)
    op.drop_constraint(op.f(NAME), 'user_account', type_='check')
    op.drop_column('user_account', 'image')
    op.create_check_constraint(op.f(NAME), 'user_account', BARE.format(image=""))


def _provider() -> sa.Enum:
    return sa.Enum('KAKAO', 'NAVER', 'GOOGLE', name='provider', native_enum=False, create_constraint=True, length=8)
