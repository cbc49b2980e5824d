-- Alerts of rules, so that a restart resets nothing. Times are Unix milliseconds.
CREATE TABLE rule_alerts (
    tenant TEXT NOT NULL,
    file TEXT NOT NULL,
    "group" TEXT NOT NULL,
    -- Name, labels and number of the rule among those alike.
    rule TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    value REAL NOT NULL,
    state TEXT NOT NULL,
    active_at INTEGER NOT NULL,
    fired_at INTEGER,
    resolved_at INTEGER,
    keep_firing_since INTEGER,
    last_sent_at INTEGER,
    held_since INTEGER,
    PRIMARY KEY (tenant, file, "group", rule, labels)
) WITHOUT ROWID;

-- Every change of state of every alert, of rules and of SLOs.
CREATE TABLE alert_transitions (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    -- Unix nanoseconds.
    time INTEGER NOT NULL,
    -- "rule" or "slo".
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    "group" TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    value REAL NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL
);
CREATE INDEX alert_transitions_by_time ON alert_transitions (tenant, time);

-- When rules were last evaluated: what lies between it and a start was not measured.
CREATE TABLE rule_heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    time INTEGER NOT NULL
);
