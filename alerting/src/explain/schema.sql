-- What was found when an alert fired, kept as it was. Times are Unix seconds.
CREATE TABLE explain_evidence (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    -- Of the alert; the 64 bits of it, as a signed number.
    fingerprint INTEGER NOT NULL,
    -- Since when it was firing.
    starts_at INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    slo TEXT NOT NULL,
    slo_version INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    -- JSON object of text.
    labels TEXT NOT NULL,
    -- The explanation as one JSON document that says its version.
    explanation TEXT NOT NULL,
    UNIQUE (tenant, fingerprint, starts_at)
) STRICT;
CREATE INDEX explain_evidence_by_slo ON explain_evidence (tenant, slo, starts_at);
