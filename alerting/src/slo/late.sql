-- Events that came long after their slice was closed, by SLI and slice; below 0 where events were taken away.
CREATE TABLE slo_late (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    slice INTEGER NOT NULL,
    good INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (tenant, key, slice)
) WITHOUT ROWID;

-- Events that were of a later time than they arrived, and count for nothing.
ALTER TABLE slo_sli ADD COLUMN future INTEGER NOT NULL DEFAULT 0;
