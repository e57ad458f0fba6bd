-- SPDX-License-Identifier: Apache-2.0
-- catalog.db: which namespaces a data folder has, who may use them, what they were used for, the jobs on them, and what was done.
-- Truth. Written only through src/store.

PRAGMA application_id = 0x56534331; -- "VSC1"
PRAGMA user_version = 1;

CREATE TABLE namespace (
  name       TEXT PRIMARY KEY,            -- [a-z0-9][a-z0-9_-]{0,62}; never becomes a path
  folder     TEXT NOT NULL UNIQUE,        -- opaque id: 16 hex digits, the folder's name under ns/
  metric     INTEGER NOT NULL,            -- enum vs_metric
  dimension  INTEGER NOT NULL,            -- 0: the first record fixes it
  created_at INTEGER NOT NULL,            -- milliseconds since 1970
  updated_at INTEGER NOT NULL,            -- so: of this row, not of records
  status     INTEGER NOT NULL,            -- enum vs_status
  delete_at  INTEGER NOT NULL,            -- when it may be deleted, milliseconds since 1970; 0: never
  quota      TEXT NOT NULL,               -- "max_vectors=1000,…": those that are not the default (store/quota.tbl)
  description TEXT NOT NULL,
  metadata   TEXT NOT NULL                -- a JSON object of the administrator's
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
  day       INTEGER NOT NULL,             -- since 1970-01-01, UTC
  folder    TEXT NOT NULL,                -- of the namespace, which may be gone
  name      TEXT NOT NULL,                -- as it was called last
  requests  INTEGER NOT NULL,             -- from here on: store/usage.tbl
  queries   INTEGER NOT NULL,
  upserts   INTEGER NOT NULL,
  deletes   INTEGER NOT NULL,
  bytes_in  INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  vector_ms INTEGER NOT NULL,
  PRIMARY KEY (day, folder)
) STRICT, WITHOUT ROWID;

-- API keys (src/store/keys.c). A revoked key keeps its row.
CREATE TABLE api_key (
  number      INTEGER PRIMARY KEY,        -- in order of creation
  id          TEXT NOT NULL UNIQUE,       -- 16 hex digits
  hash        BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the secret, which is kept nowhere
  prefix      TEXT NOT NULL,              -- the secret's first 12 characters, for people
  name        TEXT NOT NULL,              -- a note; '': none
  namespace   TEXT NOT NULL,              -- the only one it is good for; '': all
  role        INTEGER NOT NULL,           -- enum vs_role
  filter      TEXT NOT NULL,              -- the records it is good for; '': all
  quota       TEXT NOT NULL,              -- "max_batch_size=100,…": those that hold in the place of the namespace's
  created_at  INTEGER NOT NULL,           -- milliseconds since 1970, as all times here
  expires_at  INTEGER NOT NULL,           -- 0: never
  revoked_at  INTEGER NOT NULL,           -- 0: not
  replaced_by TEXT NOT NULL               -- id of the key that rotation put in its place; '': none
) STRICT;

-- What was done and denied (src/store/audit.c, which says how it is chained).
CREATE TABLE audit (
  seq        INTEGER PRIMARY KEY,
  chain      INTEGER NOT NULL,            -- enum vs_audit_chain
  at         INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  action     TEXT NOT NULL,
  namespace  TEXT NOT NULL,
  object     TEXT NOT NULL,
  origin     TEXT NOT NULL,
  result     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  request_id TEXT NOT NULL,
  count      INTEGER NOT NULL,
  hash       BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_chain ON audit (chain, seq);

CREATE TABLE audit_chain (
  chain  INTEGER PRIMARY KEY,
  kept   INTEGER NOT NULL,                -- events in table audit
  anchor BLOB NOT NULL,                   -- hash of the event before the first of them; zeros: none
  head   BLOB NOT NULL                    -- hash of the last one
) STRICT;
INSERT INTO audit_chain VALUES (1, 0, zeroblob(32), zeroblob(32)), (2, 0, zeroblob(32), zeroblob(32));

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
