CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE segment (
    id BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    table_name TEXT NOT NULL,
    day INTEGER NOT NULL,
    part INTEGER NOT NULL,
    part_modulus INTEGER NOT NULL,
    level INTEGER NOT NULL,
    time_min INTEGER NOT NULL,
    time_max INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    footer_bytes INTEGER NOT NULL,
    footer_crc32c INTEGER NOT NULL,
    index_bytes INTEGER NOT NULL,
    rollup_bytes INTEGER NOT NULL DEFAULT 0,
    rollup_crc32c INTEGER NOT NULL DEFAULT 0,
    rollup_settled INTEGER NOT NULL DEFAULT 0,
    schema_version INTEGER NOT NULL,
    sort_version INTEGER NOT NULL,
    wal_from INTEGER NOT NULL,
    wal_to INTEGER NOT NULL,
    ingested_max INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    replaced_by BLOB
) WITHOUT ROWID;
CREATE INDEX segment_live ON segment (tenant, table_name, day) WHERE deleted_at IS NULL;
CREATE INDEX segment_retired ON segment (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE wal_position (
    tenant TEXT NOT NULL,
    signal INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (tenant, signal)
) WITHOUT ROWID;
CREATE TABLE recent_request (
    tenant TEXT NOT NULL,
    signal INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    arrived_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, signal, content_hash)
) WITHOUT ROWID;
CREATE INDEX recent_request_age ON recent_request (arrived_at);
CREATE TABLE attribute_key (
    tenant TEXT NOT NULL,
    table_name TEXT NOT NULL,
    key TEXT NOT NULL,
    value_type TEXT NOT NULL,
    rows INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (tenant, table_name, key, value_type)
) WITHOUT ROWID;
CREATE TABLE border (
    tenant TEXT NOT NULL,
    table_name TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (tenant, table_name, position)
) WITHOUT ROWID;
INSERT INTO schema_version VALUES (3);
