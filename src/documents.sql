-- The newest version of each document. `head` is what lists show of `body`; both are JSON.
CREATE TABLE document (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    -- Unix ns; what lists are ordered by.
    at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    head TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT;
CREATE INDEX document_by_time ON document (tenant, kind, at, id);
