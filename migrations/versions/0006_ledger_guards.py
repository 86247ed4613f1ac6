"""The database itself refuses what must not be: the triggers of the ledger and of the audit log."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPLY_POSTINGS = """
CREATE FUNCTION point_apply_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted integer;
    changed integer;
BEGIN
    -- Balances of wallets and escrows follow their postings, and are changed here alone.
    SELECT count(DISTINCT (kind, owner_id)) INTO wanted FROM fresh WHERE kind IN ('WALLET', 'ESCROW');
    UPDATE point_account AS account SET balance = account.balance + moved.amount
    FROM (
        SELECT kind, owner_id, sum(amount)::bigint AS amount FROM fresh
        WHERE kind IN ('WALLET', 'ESCROW') GROUP BY kind, owner_id
    ) AS moved
    WHERE account.kind = moved.kind AND account.owner_id = moved.owner_id AND account.closed_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> wanted THEN
        RAISE EXCEPTION 'a posting names an account that is missing or closed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (owner_id) owner_id, balance_after FROM fresh
            WHERE kind = 'WALLET' ORDER BY owner_id, id DESC
        ) AS latest
        JOIN point_account AS account ON account.kind = 'WALLET' AND account.owner_id = latest.owner_id
        WHERE account.balance <> latest.balance_after
    ) THEN
        RAISE EXCEPTION 'balance_after is not the balance after it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

APPLY_LOT_USES = """
CREATE FUNCTION point_apply_lot_uses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE point_lot AS lot SET remaining = lot.remaining + used.amount
    FROM (SELECT lot_id, sum(amount)::bigint AS amount FROM fresh GROUP BY lot_id) AS used
    WHERE lot.id = used.lot_id;
    RETURN NULL;
END $$
"""

ONLY_BY_TRIGGER = """
CREATE FUNCTION point_only_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION '% is changed by postings alone', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

STARTS_EMPTY = """
CREATE FUNCTION point_starts_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'point_account' AND NEW.balance <> 0 THEN
        RAISE EXCEPTION 'an account starts with 0 points' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

STARTS_FULL = """
CREATE FUNCTION point_lot_starts_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.remaining <> NEW.amount THEN
        RAISE EXCEPTION 'a lot starts with all of its points' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

ENTRY_BALANCES = """
CREATE FUNCTION point_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry bigint := CASE TG_TABLE_NAME WHEN 'point_entry' THEN (to_jsonb(NEW) ->> 'id')::bigint
                                       ELSE (to_jsonb(NEW) ->> 'entry_id')::bigint END;
    total numeric;
    sides integer;
BEGIN
    SELECT coalesce(sum(amount), 0), count(*) INTO total, sides FROM point_posting WHERE entry_id = entry;
    IF total <> 0 OR sides < 2 THEN
        RAISE EXCEPTION 'entry % does not balance: % postings sum to %', entry, sides, total
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

WALLET_HAS_LOTS = """
CREATE FUNCTION point_wallet_has_lots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    member bigint := CASE TG_TABLE_NAME WHEN 'point_lot' THEN (to_jsonb(NEW) ->> 'user_id')::bigint
                                        ELSE (to_jsonb(NEW) ->> 'owner_id')::bigint END;
    held bigint;
    kept bigint;
BEGIN
    SELECT balance INTO held FROM point_account WHERE kind = 'WALLET' AND owner_id = member;
    SELECT coalesce(sum(remaining), 0) INTO kept FROM point_lot WHERE user_id = member AND remaining > 0;
    IF held IS DISTINCT FROM kept THEN
        RAISE EXCEPTION 'wallet % holds %, its lots have % left', member, held, kept
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

NEVER = """
CREATE FUNCTION never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

FUNCTIONS = {
    "point_apply_postings": APPLY_POSTINGS,
    "point_apply_lot_uses": APPLY_LOT_USES,
    "point_only_by_trigger": ONLY_BY_TRIGGER,
    "point_starts_empty": STARTS_EMPTY,
    "point_lot_starts_full": STARTS_FULL,
    "point_entry_balances": ENTRY_BALANCES,
    "point_wallet_has_lots": WALLET_HAS_LOTS,
    "never_changed": NEVER,
}
APPEND_ONLY = ("point_entry", "point_posting", "point_lot_use", "audit")
DEFERRED = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
TRIGGERS = [
    ("point_posting", "apply_postings", "AFTER INSERT", "REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT", "point_apply_postings"),
    ("point_lot_use", "apply_lot_uses", "AFTER INSERT", "REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT", "point_apply_lot_uses"),
    ("point_account", "only_by_trigger", "BEFORE UPDATE OF balance", "FOR EACH ROW", "point_only_by_trigger"),
    ("point_lot", "only_by_trigger", "BEFORE UPDATE", "FOR EACH ROW", "point_only_by_trigger"),
    ("point_account", "starts_empty", "BEFORE INSERT", "FOR EACH ROW", "point_starts_empty"),
    ("point_lot", "starts_full", "BEFORE INSERT", "FOR EACH ROW", "point_lot_starts_full"),
    ("point_account", "never_deleted", "BEFORE DELETE OR TRUNCATE", "FOR EACH STATEMENT", "never_changed"),
    ("point_lot", "never_deleted", "BEFORE DELETE OR TRUNCATE", "FOR EACH STATEMENT", "never_changed"),
    *((table, "append_only", "BEFORE UPDATE OR DELETE OR TRUNCATE", "FOR EACH STATEMENT", "never_changed") for table in APPEND_ONLY),
]  # fmt: skip
CHECKS = [  # at the commit, when all rows of the entry are there
    ("point_entry", "balances", "AFTER INSERT", "point_entry_balances"),
    ("point_posting", "balances", "AFTER INSERT", "point_entry_balances"),
    ("point_lot", "wallet_has_lots", "AFTER INSERT OR UPDATE", "point_wallet_has_lots"),
]


def upgrade() -> None:
    for body in FUNCTIONS.values():
        op.execute(body)
    for table, name, event, each, function in TRIGGERS:
        op.execute(f"CREATE TRIGGER {table}_{name} {event} ON {table} {each} EXECUTE FUNCTION {function}()")
    for table, name, event, function in CHECKS:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_{name} {event} ON {table} {DEFERRED} EXECUTE FUNCTION {function}()"
        )
    op.execute(
        f"CREATE CONSTRAINT TRIGGER point_posting_wallet_has_lots AFTER INSERT ON point_posting {DEFERRED} "
        "WHEN (NEW.kind = 'WALLET') EXECUTE FUNCTION point_wallet_has_lots()"
    )


def downgrade() -> None:
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}() CASCADE")
