"""A job that one worker does, and no other one meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "till then one worker does it, and no other one"
    op.add_column("outbox", sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True, comment=comment))


def downgrade() -> None:
    op.drop_column("outbox", "taken_until")
