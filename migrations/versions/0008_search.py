"""What is searched, as documents; everybody who is here is found at once."""

import unicodedata

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BATCH = 1000
PEOPLE = """
SELECT id, created_at, nickname, bio, email, find_by_email AND email_verified_at IS NOT NULL FROM user_account
WHERE withdrawn_at IS NULL AND id > :after ORDER BY id LIMIT :batch
"""


def upgrade() -> None:
    table = op.create_table('search_document',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False, comment='one more with each change'),
    sa.Column('sent_version', sa.BigInteger(), nullable=False, comment='the last one that Elasticsearch took'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=True, comment='of the thing; the order'),
    sa.Column('main', sa.Text(collation='C'), nullable=False, comment='the beginning of the normalised main field'),
    sa.Column('texts', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='normalised, by field'),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), nullable=False, comment='exact strings'),
    sa.Column('terms', postgresql.ARRAY(sa.Text()), nullable=False, comment='what it is found by: letters, pairs of letters, tags'),
    sa.Column('gone', sa.Boolean(), nullable=False),
    sa.CheckConstraint("NOT gone OR (main = '' AND texts = '{}' AND tags = '{}' AND terms = '{}')", name=op.f('ck_search_document_gone_is_bare')),
    sa.CheckConstraint('gone = (created_at IS NULL)', name=op.f('ck_search_document_created_at')),
    sa.PrimaryKeyConstraint('kind', 'id', name=op.f('pk_search_document'))
    )
    after = 0
    while people := op.get_bind().execute(sa.text(PEOPLE), {"after": after, "batch": BATCH}).all():
        op.bulk_insert(table, [_document(*person) for person in people])
        after = people[-1].id
    op.create_index(op.f('ix_search_document_terms'), 'search_document', ['terms'], unique=False, postgresql_using='gin')
    op.create_index('ix_search_document_newest', 'search_document', ['kind', 'created_at', 'id'], unique=False, postgresql_where='NOT gone')
    op.create_index('ix_search_document_main', 'search_document', ['kind', 'main', 'created_at', 'id'], unique=False, postgresql_where='NOT gone')
    op.create_index('ix_search_document_unsent', 'search_document', ['kind', 'id'], unique=False, postgresql_where='version <> sent_version')


def downgrade() -> None:
    op.drop_table('search_document')


def _document(key, created_at, nickname, bio, email, find_by_email):
    """As the code of this day makes it, in its own copy: that code goes on, this migration does not."""
    texts = {"nickname": _normalise(nickname), "bio": _normalise(bio), "email": _normalise(email or "")}
    tags = [f"mail={email}"] if email and find_by_email else []
    terms = {
        f"user.{field}:{text[start:start + size]}"
        for field, text in texts.items() for size in (1, 2) for start in range(len(text) - size + 1)
    }
    return {
        "kind": "user", "id": key, "version": 1, "sent_version": 0, "created_at": created_at, "gone": False,
        "main": texts["nickname"][:65], "texts": texts, "tags": tags, "terms": sorted(terms | {f"user={tag}" for tag in tags}),
    }


def _normalise(text):
    storable = text.encode(errors="ignore").decode().replace("\0", "")
    folded = unicodedata.normalize("NFKC", "".join(storable.split())).casefold()
    return unicodedata.normalize("NFKC", "".join(unicodedata.normalize("NFKC", folded).split()))
