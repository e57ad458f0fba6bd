-- SPDX-License-Identifier: Apache-2.0
-- catalog.db: which namespaces a data folder has, and the jobs on them. Truth. Written only through src/store/catalog.c and jobs.c.

PRAGMA application_id = 0x56534331; -- "VSC1"
PRAGMA user_version = 1;

CREATE TABLE namespace (
  name       TEXT PRIMARY KEY,            -- [a-z0-9][a-z0-9_-]{0,62}; never becomes a path
  folder     TEXT NOT NULL UNIQUE,        -- opaque id: 16 hex digits, the folder's name under ns/
  metric     INTEGER NOT NULL,            -- enum vs_metric
  dimension  INTEGER NOT NULL,            -- 0: the first record fixes it
  created_at INTEGER NOT NULL             -- milliseconds since 1970
) STRICT, WITHOUT ROWID;

-- Work that outlasts a request. Written only through src/store/jobs.c. Finished jobs are dropped after a while.
CREATE TABLE job (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  kind        TEXT NOT NULL,              -- a row of src/engine/jobs.tbl
  namespace   TEXT NOT NULL,              -- name when the job was made
  folder      TEXT NOT NULL,              -- and folder: another namespace of that name is not meant
  arguments   TEXT NOT NULL,              -- a JSON object
  state       INTEGER NOT NULL,           -- enum vs_job_state
  progress    REAL NOT NULL DEFAULT 0,    -- 0 to 1, never less than before
  message     TEXT NOT NULL DEFAULT '',   -- what it is doing
  result      TEXT NOT NULL DEFAULT '',   -- a JSON object; '' unless it succeeded
  code        INTEGER NOT NULL DEFAULT 0, -- enum vs_code of a failure, and its text
  error       TEXT NOT NULL DEFAULT '',
  cancel      INTEGER NOT NULL DEFAULT 0, -- 1: somebody wishes that it stops
  attempts    INTEGER NOT NULL DEFAULT 0, -- begun so often
  created_at  INTEGER NOT NULL,           -- milliseconds since 1970
  started_at  INTEGER NOT NULL DEFAULT 0, -- the last attempt; 0: none
  finished_at INTEGER NOT NULL DEFAULT 0  -- 0: not finished
) STRICT;
CREATE INDEX job_by_state ON job (state, id);
CREATE INDEX job_by_namespace ON job (namespace, id);
CREATE INDEX job_by_end ON job (finished_at) WHERE finished_at > 0;
