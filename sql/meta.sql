-- SPDX-License-Identifier: Apache-2.0
-- meta.db: what one generation of a namespace holds. Truth: a record exists when its row has committed.
-- Written only through src/store/meta.c; see doc/file-format.md.

PRAGMA application_id = 0x56534d31; -- "VSM1"
PRAGMA user_version = 1;

CREATE TABLE state (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  generation  INTEGER NOT NULL,           -- agrees with the folder's name and every file's header
  dimension   INTEGER NOT NULL,           -- 0 until the first record fixes it
  metric      INTEGER NOT NULL,           -- enum vs_metric
  quantization INTEGER NOT NULL,          -- enum vs_quantization
  next_slot   INTEGER NOT NULL DEFAULT 0, -- slots below it are committed; never goes back
  seq         INTEGER NOT NULL DEFAULT 0, -- sequence number of the newest change
  trimmed     INTEGER NOT NULL DEFAULT 0, -- changes up to this one are no longer in table change
  active      INTEGER NOT NULL DEFAULT 0, -- records that are not soft-deleted
  deleted     INTEGER NOT NULL DEFAULT 0, -- soft-deleted records
  expiry      INTEGER NOT NULL DEFAULT 0, -- no record expires before; 0: none expires
  past_version INTEGER NOT NULL DEFAULT 0, -- the greatest version of a record that is gone, or age: new ones begin above it
  age         INTEGER NOT NULL,           -- what is to be added to record.version: 2^32 for each restore
  tokenizer   INTEGER NOT NULL,           -- enum vs_tokenizer: of text_index
  texts       INTEGER NOT NULL DEFAULT 0  -- rows of record_text
) STRICT;

-- A slot's vector and metadata never change: an update takes a new slot.
CREATE TABLE record (
  slot       INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,        -- 1 to 512 bytes of UTF-8
  version    INTEGER NOT NULL,            -- without the age. Counts up; greater than any the id had before
  created_at INTEGER NOT NULL,            -- milliseconds since 1970
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,                     -- soft-deleted when not NULL
  metadata   TEXT NOT NULL,               -- a JSON object
  expires_at INTEGER                      -- from then on it is as good as deleted; NULL: never
) STRICT;

CREATE INDEX record_expires ON record (expires_at) WHERE expires_at IS NOT NULL;

-- The texts of those records that have one, soft-deleted ones too. Beside it stands text_index, a table of FTS5 with this
-- one as its external content, which follows from it and is made by src/store/text.c, since it names the tokenizer.
CREATE TABLE record_text (
  slot INTEGER PRIMARY KEY,
  body TEXT NOT NULL
) STRICT;

-- What happened to which slot, in order: readers bring their liveness bitmap forward from it, and those outside follow it
-- (GET /v1/changes). Where a slot has no row any more, a later change tells what became of the id.
CREATE TABLE change (
  seq      INTEGER PRIMARY KEY,
  op       INTEGER NOT NULL,              -- enum vs_change_op
  slot     INTEGER,                       -- the slot that got the record, or the one it left (delete); NULL: that slot is
                                          -- of an older generation, and no record's any more
  old_slot INTEGER,                       -- upsert: the slot that died, if the id was there already
  id       TEXT,                          -- delete: whose row is gone
  CHECK ((op = 2) = (id IS NOT NULL))
) STRICT;
