CREATE TABLE IF NOT EXISTS payment (
    id              TEXT PRIMARY KEY,
    amount          INTEGER NOT NULL CHECK (amount > 0),
    captured_amount INTEGER NOT NULL DEFAULT 0 CHECK (captured_amount IN (0, amount)),
    refunded_amount INTEGER NOT NULL DEFAULT 0 CHECK (refunded_amount BETWEEN 0 AND captured_amount),
    currency        TEXT NOT NULL CHECK (length(currency) = 3),
    reference       TEXT NOT NULL,
    decline_code    TEXT CHECK (decline_code IS NULL OR captured_amount = 0),
    created_at      TEXT NOT NULL,
    -- Derived, so that it cannot contradict the amounts.
    status          TEXT NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN decline_code IS NOT NULL THEN 'declined'
            WHEN captured_amount = 0 THEN 'authorised'
            WHEN refunded_amount = 0 THEN 'captured'
            WHEN refunded_amount < captured_amount THEN 'partially_refunded'
            ELSE 'refunded'
        END
    ) VIRTUAL
);
CREATE INDEX IF NOT EXISTS payment_reference ON payment (reference, created_at);

-- What happened to money, for ever. The balance is what the merchant holds in the currency after the entry:
-- a capture adds to it, a refund takes away, an authorisation or a decline moves nothing.
CREATE TABLE IF NOT EXISTS ledger (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id TEXT NOT NULL REFERENCES payment (id),
    type       TEXT NOT NULL CHECK (type IN ('authorisation', 'capture', 'refund', 'decline')),
    amount     INTEGER NOT NULL CHECK (amount > 0),
    currency   TEXT NOT NULL,
    balance    INTEGER NOT NULL CHECK (balance >= 0),
    reference  TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_currency ON ledger (currency, id);
-- A payment is authorised, captured and declined at most once, whatever the code above believes.
CREATE UNIQUE INDEX IF NOT EXISTS ledger_once ON ledger (payment_id, type) WHERE type <> 'refund';

CREATE TRIGGER IF NOT EXISTS ledger_never_updated BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER IF NOT EXISTS ledger_never_deleted BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER IF NOT EXISTS ledger_adds_up BEFORE INSERT ON ledger
WHEN NEW.balance
     <> coalesce((SELECT balance FROM ledger WHERE currency = NEW.currency ORDER BY id DESC LIMIT 1), 0)
        + CASE NEW.type WHEN 'capture' THEN NEW.amount WHEN 'refund' THEN -NEW.amount ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'the balance does not follow from the entry before');
END;

-- The answer to a call, kept in the transaction of what the call did.
CREATE TABLE IF NOT EXISTS answer (
    idempotency_key TEXT PRIMARY KEY,
    fingerprint     TEXT NOT NULL,
    status          INTEGER NOT NULL,
    body            TEXT NOT NULL,
    created_at      TEXT NOT NULL
);

-- How often a key has been told that the provider is away.
CREATE TABLE IF NOT EXISTS outage (
    idempotency_key TEXT PRIMARY KEY,
    attempts        INTEGER NOT NULL
);
