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

-- Alerts that are told of together, and when they are looked at next.
CREATE TABLE notify_groups (
    tenant TEXT NOT NULL,
    -- Id of its route.
    route TEXT NOT NULL,
    -- JSON object of text.
    labels TEXT NOT NULL,
    next_flush INTEGER NOT NULL,
    has_flushed INTEGER NOT NULL,
    -- Since when nothing is in it.
    empty_since INTEGER,
    -- Fingerprints of the alerts in it, 8 bytes each, little end first.
    members BLOB NOT NULL,
    PRIMARY KEY (tenant, route, labels)
) STRICT, WITHOUT ROWID;

-- What each integration was last told of each group: Alertmanager's notification log.
CREATE TABLE notify_log (
    tenant TEXT NOT NULL,
    group_key TEXT NOT NULL,
    -- Receiver and integration: `team/webhook[0]`.
    integration TEXT NOT NULL,
    -- Fingerprints, 8 bytes each, little end first.
    firing BLOB NOT NULL,
    resolved BLOB NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, group_key, integration)
) STRICT, WITHOUT ROWID;

CREATE TABLE notify_silences (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    -- JSON list of [name, is equal, is a regular expression, value].
    matchers TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The outbox and the record of what became of it: one row for each message to one integration, in the order they were made.
CREATE TABLE notify_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    receiver TEXT NOT NULL,
    integration TEXT NOT NULL,
    group_key TEXT NOT NULL,
    -- Sent along, so that a receiver can tell a message it has seen before.
    idempotency_key TEXT NOT NULL UNIQUE,
    -- `firing` or `resolved`.
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    alerts INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    -- Without secrets: those are added when it is sent.
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- `waiting`, `delivered`, `refused` (the receiver does not want it) or `given_up`.
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- Of the last attempt, or why there was none.
    error TEXT
) STRICT;
CREATE INDEX notify_deliveries_waiting ON notify_deliveries (tenant, receiver, integration, group_key, id)
    WHERE state = 'waiting';
CREATE INDEX notify_deliveries_finished ON notify_deliveries (finished_at) WHERE state <> 'waiting';

CREATE TABLE notify_attempts (
    delivery INTEGER NOT NULL REFERENCES notify_deliveries (id) ON DELETE CASCADE,
    -- From 1.
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    elapsed INTEGER NOT NULL,
    -- Of the answer, if there was one.
    status INTEGER,
    error TEXT,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

-- What each of the other Alertmanagers knows of our alerts.
CREATE TABLE notify_forwards (
    -- Names its address, which may hold secrets.
    target TEXT NOT NULL,
    tenant TEXT NOT NULL,
    fingerprint INTEGER NOT NULL,
    -- Of the alert when it was sent.
    sequence INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    PRIMARY KEY (target, tenant, fingerprint)
) STRICT, WITHOUT ROWID;
