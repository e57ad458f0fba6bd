-- SPDX-License-Identifier: Apache-2.0
-- catalog.db: which namespaces a data folder has. Truth. Written only through src/store/catalog.c.

PRAGMA application_id = 0x56534331; -- "VSC1"
PRAGMA user_version = 1;

CREATE TABLE namespace (
  name       TEXT PRIMARY KEY,            -- [a-z0-9][a-z0-9_-]{0,62}; never becomes a path
  folder     TEXT NOT NULL UNIQUE,        -- opaque id: 16 hex digits, the folder's name under ns/
  metric     INTEGER NOT NULL,            -- enum vs_metric
  dimension  INTEGER NOT NULL,            -- 0: the first record fixes it
  created_at INTEGER NOT NULL             -- milliseconds since 1970
) STRICT, WITHOUT ROWID;
