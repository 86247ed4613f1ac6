"""Payments, their timelines, refunds, and the messages of Toss; the database knows which moves are allowed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

GUARD = """
CREATE FUNCTION payment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.order_id, NEW.user_id, NEW.amount, NEW.requested_at)
        IS DISTINCT FROM (OLD.id, OLD.order_id, OLD.user_id, OLD.amount, OLD.requested_at)
        OR (OLD.payment_key IS NOT NULL AND NEW.payment_key IS DISTINCT FROM OLD.payment_key)
        OR (OLD.charged_at IS NOT NULL AND NEW.charged_at IS DISTINCT FROM OLD.charged_at)
        OR NEW.refunded < OLD.refunded THEN
        RAISE EXCEPTION 'what a payment is about does not change' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status || '>' || NEW.status) NOT IN (
        'PENDING>CONFIRMING', 'PENDING>EXPIRED', 'CONFIRMING>DONE', 'CONFIRMING>FAILED', 'CONFIRMING>EXPIRED',
        'EXPIRED>DONE', 'FAILED>DONE', 'DONE>CANCELING', 'DONE>CANCELED', 'CANCELING>CANCELED', 'CANCELING>DONE'
    ) THEN
        RAISE EXCEPTION 'a payment does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

FROZEN = """
CREATE FUNCTION payment_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def upgrade() -> None:
    op.create_table('payment',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('order_id', sa.String(length=64), nullable=False, comment='random; what Toss calls the order'),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='won, and points'),
    sa.Column('status', _status('status'), nullable=False),
    sa.Column('payment_key', sa.Text(), nullable=True, comment='of Toss'),
    sa.Column('method', sa.Text(), nullable=False, comment='as Toss says it, in Korean'),
    sa.Column('receipt_url', sa.Text(), nullable=True),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirming_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True, comment='as Toss says it'),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('charged_at', sa.DateTime(timezone=True), nullable=True, comment='when the points came'),
    sa.Column('failure_code', sa.Text(), nullable=False),
    sa.Column('failure_text', sa.Text(), nullable=False, comment='Korean, for the person'),
    sa.Column('refunded', sa.BigInteger(), nullable=False, comment='won that went back'),
    sa.Column('tries', sa.Integer(), nullable=False, comment='confirmations that got a definite answer, for the next key'),
    sa.Column('asks', sa.Integer(), nullable=False, comment='how often the reconciler has asked in this status'),
    sa.Column('ask_at', sa.DateTime(timezone=True), nullable=True, comment='when it asks next'),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("(status = 'CANCELED') = (refunded = amount)", name=op.f('ck_payment_canceled_is_refunded')),
    sa.CheckConstraint("status IN ('PENDING', 'EXPIRED') OR payment_key IS NOT NULL", name=op.f('ck_payment_payment_key')),
    sa.CheckConstraint("status NOT IN ('DONE', 'CANCELING', 'CANCELED') OR approved_at IS NOT NULL", name=op.f('ck_payment_approved')),
    sa.CheckConstraint('amount BETWEEN 10000 AND 100000', name=op.f('ck_payment_amount')),
    sa.CheckConstraint('refunded BETWEEN 0 AND amount', name=op.f('ck_payment_refunded')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_payment_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment')),
    sa.UniqueConstraint('order_id', name=op.f('uq_payment_order_id')),
    sa.UniqueConstraint('payment_key', name=op.f('uq_payment_payment_key'))
    )
    op.create_index(op.f('ix_payment_user_id_id'), 'payment', ['user_id', 'id'], unique=False)
    op.create_index('ix_payment_ask_at', 'payment', ['ask_at'], unique=False, postgresql_where=sa.text('ask_at IS NOT NULL'))
    op.create_table('payment_event',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('payment_id', sa.BigInteger(), nullable=False),
    sa.Column('before', _status(None), nullable=True),
    sa.Column('after', _status(None), nullable=False),
    sa.Column('why', sa.Text(), nullable=False, comment='Korean, for the person'),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_event_payment_id_payment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_event'))
    )
    op.create_index(op.f('ix_payment_event_payment_id_id'), 'payment_event', ['payment_id', 'id'], unique=False)
    op.create_table('payment_refund',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('payment_id', sa.BigInteger(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='won'),
    sa.Column('refundable', sa.BigInteger(), nullable=True, comment='won left at Toss as it is asked for; none where Toss did it by itself'),
    sa.Column('points', sa.BigInteger(), nullable=False, comment='taken from the lot of the charge'),
    sa.Column('owed', sa.BigInteger(), nullable=False, comment='spent already, and booked as owed'),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('ASKED', 'DONE', 'REFUSED', name='status', native_enum=False, create_constraint=True, length=8), nullable=False),
    sa.Column('transaction_key', sa.Text(), nullable=True, comment='of Toss'),
    sa.Column('refusal_code', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status = 'DONE') = (transaction_key IS NOT NULL)", name=op.f('ck_payment_refund_transaction_key')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_payment_refund_amount')),
    sa.CheckConstraint('points >= 0 AND owed >= 0 AND points + owed <= amount', name=op.f('ck_payment_refund_points')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_refund_payment_id_payment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_refund')),
    sa.UniqueConstraint('transaction_key', name=op.f('uq_payment_refund_transaction_key'))
    )
    op.create_index(op.f('ix_payment_refund_payment_id_id'), 'payment_refund', ['payment_id', 'id'], unique=False)
    op.create_index('uq_payment_refund_asked', 'payment_refund', ['payment_id'], unique=True, postgresql_where=sa.text("status = 'ASKED'"))
    op.create_table('payment_webhook',
    sa.Column('transmission_id', sa.String(length=100), nullable=False),
    sa.Column('payment_id', sa.BigInteger(), nullable=False),
    sa.Column('arrived_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_webhook_payment_id_payment')),
    sa.PrimaryKeyConstraint('transmission_id', name=op.f('pk_payment_webhook'))
    )
    op.create_index(op.f('ix_payment_webhook_arrived_at'), 'payment_webhook', ['arrived_at'], unique=False)
    op.execute(GUARD)
    op.execute("CREATE TRIGGER payment_guard BEFORE UPDATE ON payment FOR EACH ROW EXECUTE FUNCTION payment_guard()")
    op.execute(FROZEN)
    op.execute("CREATE TRIGGER payment_stays BEFORE DELETE ON payment FOR EACH ROW EXECUTE FUNCTION payment_frozen()")
    op.execute(
        "CREATE TRIGGER payment_event_stays BEFORE UPDATE OR DELETE ON payment_event"
        " FOR EACH ROW EXECUTE FUNCTION payment_frozen()"
    )


def downgrade() -> None:
    for table in ('payment_webhook', 'payment_refund', 'payment_event', 'payment'):
        op.drop_table(table)
    op.execute("DROP FUNCTION payment_guard(), payment_frozen()")


def _status(name: str | None) -> sa.Enum:
    return sa.Enum(
        'PENDING', 'CONFIRMING', 'DONE', 'FAILED', 'EXPIRED', 'CANCELING', 'CANCELED',
        name=name, native_enum=False, create_constraint=name is not None, length=10,
    )
