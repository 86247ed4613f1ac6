"""A job that one worker does, and no other one meanwhile; a dead one keeps the key under which it waited."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "till then one worker does it, and no other one"
    op.add_column("outbox", sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True, comment=comment))
    comment = "under which the job waited, and waits when it is revived"
    op.add_column("dead_letter", sa.Column("key", sa.Text(), nullable=True, comment=comment))


def downgrade() -> None:
    op.drop_column("dead_letter", "key")
    op.drop_column("outbox", "taken_until")
