-- Alerts as they stand, merged from everything that was received of them.
CREATE TABLE notify_alerts (
    tenant TEXT NOT NULL,
    -- The 64 bits of it, as a signed number.
    fingerprint INTEGER NOT NULL,
    -- JSON objects of text.
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Whether `ends_at` is only how long to wait for the next word of it.
    is_timeout INTEGER NOT NULL,
    -- Whether our own rules made it; otherwise it came in over the API.
    is_own INTEGER NOT NULL,
    generator_url TEXT NOT NULL,
    -- Grows with every change, so that the dispatcher finds what is new.
    sequence INTEGER NOT NULL,
    PRIMARY KEY (tenant, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX notify_alerts_sequence ON notify_alerts (sequence);

CREATE TABLE notify_sequence (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO notify_sequence VALUES (0, 0);
