-- SLOs. Times are Unix seconds unless they say nanos.

-- Every version of every SLO; the highest that is not deleted is in force.
CREATE TABLE slo_spec (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    -- Path of the file it is from; empty for the API.
    file TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant, name, version)
) WITHOUT ROWID;

-- What is counted, by the hash of its definition. counted_to is a WAL position: rows up to there are in slo_hour; null while
-- stored rows are being counted for the first time.
CREATE TABLE slo_sli (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    counted_to INTEGER,
    created_at INTEGER NOT NULL,
    is_estimate INTEGER NOT NULL DEFAULT 0,
    lost_segments INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

-- The slices of an hour as bytes: see blob.rs.
CREATE TABLE slo_hour (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    hour INTEGER NOT NULL,
    slices BLOB NOT NULL,
    PRIMARY KEY (tenant, key, hour)
) WITHOUT ROWID;

-- The groups of an SLI whose events are told apart, each a JSON list of its values; [] is all groups beyond the limit.
CREATE TABLE slo_group (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (tenant, key, member)
) WITHOUT ROWID;

-- The slices of a group, as those of slo_hour.
CREATE TABLE slo_group_hour (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    member TEXT NOT NULL,
    hour INTEGER NOT NULL,
    slices BLOB NOT NULL,
    PRIMARY KEY (tenant, key, member, hour)
) WITHOUT ROWID;

-- Who sent the events of an SLI, and when anything of theirs arrived last (nanos).
CREATE TABLE slo_service (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    service TEXT NOT NULL,
    heard_nanos INTEGER NOT NULL,
    PRIMARY KEY (tenant, key, service)
) WITHOUT ROWID;

CREATE TABLE slo_alert (
    tenant TEXT NOT NULL,
    slo TEXT NOT NULL,
    objective INTEGER NOT NULL,
    -- As in slo_group; empty for the SLO as a whole.
    member TEXT NOT NULL,
    kind TEXT NOT NULL,
    long_seconds INTEGER NOT NULL,
    short_seconds INTEGER NOT NULL,
    level TEXT NOT NULL,
    since INTEGER,
    held_since INTEGER,
    cool_since INTEGER,
    is_flapping INTEGER NOT NULL,
    resolved_at INTEGER,
    -- When it was handed to notification last, and with which labels.
    told_at INTEGER,
    labels TEXT NOT NULL,
    PRIMARY KEY (tenant, slo, objective, member, kind, long_seconds, short_seconds)
) WITHOUT ROWID;

CREATE TABLE slo_transition (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    slo TEXT NOT NULL,
    version INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    member TEXT NOT NULL,
    kind TEXT NOT NULL,
    long_seconds INTEGER NOT NULL,
    short_seconds INTEGER NOT NULL,
    severity TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- Up to when it was counted then.
    until INTEGER NOT NULL,
    level TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX slo_transition_by_slo ON slo_transition (tenant, slo, at);

-- Up to when somebody was there to count, and when nobody was.
CREATE TABLE slo_clock (tenant TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE slo_gap (
    tenant TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    PRIMARY KEY (tenant, start)
) WITHOUT ROWID;
