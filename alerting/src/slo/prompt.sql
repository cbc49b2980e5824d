-- Hours of which something came late, as they are without that: the slices of slo_hour (member is empty) and slo_group_hour.
CREATE TABLE slo_prompt (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    member TEXT NOT NULL,
    hour INTEGER NOT NULL,
    slices BLOB NOT NULL,
    PRIMARY KEY (tenant, key, member, hour)
) WITHOUT ROWID;

-- Events that were of a later time than they arrived, and count for nothing.
ALTER TABLE slo_sli ADD COLUMN future INTEGER NOT NULL DEFAULT 0;
