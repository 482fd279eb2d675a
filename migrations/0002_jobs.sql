-- The control facts of jobs. Every time is UTC in milliseconds since 1970, bound by the writer.

-- One row per write that has taken effect, so that a writer whose answer got lost can find its
-- own. The writers keep the newest few thousand rows.
CREATE TABLE op (
  seq INTEGER PRIMARY KEY,
  id  TEXT NOT NULL UNIQUE,
  try INTEGER NOT NULL
) STRICT;

-- The reign of the present master: one row.
CREATE TABLE leader (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,
  node  TEXT NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT;

-- A job and its present run. A restart of the job begins its next run. allowed_ms is how long
-- the status may last, 0 for ever; a master counts it on its own clock.
CREATE TABLE job (
  id            TEXT PRIMARY KEY CHECK (id <> ''),
  name          TEXT NOT NULL,
  mode          TEXT NOT NULL,
  status        TEXT NOT NULL,
  allowed_ms    INTEGER NOT NULL,
  desired       TEXT NOT NULL CHECK (desired IN ('RUN', 'CANCEL', 'SAVEPOINT', 'STOP')),
  run_no        INTEGER NOT NULL,
  run_id        TEXT NOT NULL,
  restored_from TEXT NOT NULL,
  text          TEXT NOT NULL,
  text_format   TEXT NOT NULL,
  submit_ms     INTEGER NOT NULL,
  start_ms      INTEGER,
  finish_ms     INTEGER,
  error         TEXT NOT NULL,
  owner         TEXT NOT NULL,
  epoch         INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  submit_op     TEXT NOT NULL,
  op_id         TEXT NOT NULL,
  metrics_json  TEXT NOT NULL
) STRICT;

CREATE INDEX job_by_submit ON job (submit_ms, id);

CREATE INDEX job_by_status ON job (status, submit_ms, id);

-- History: one row per run that has ended, written in the transaction that ended it and never
-- changed. It outlives the job's row.
CREATE TABLE job_run (
  job_id        TEXT NOT NULL,
  run_no        INTEGER NOT NULL,
  run_id        TEXT NOT NULL,
  restored_from TEXT NOT NULL,
  name          TEXT NOT NULL,
  mode          TEXT NOT NULL,
  status        TEXT NOT NULL,
  text          TEXT NOT NULL,
  text_format   TEXT NOT NULL,
  submit_ms     INTEGER NOT NULL,
  start_ms      INTEGER,
  finish_ms     INTEGER NOT NULL,
  error         TEXT NOT NULL,
  owner         TEXT NOT NULL,
  metrics_json  TEXT NOT NULL,
  PRIMARY KEY (job_id, run_no)
) STRICT;

CREATE INDEX job_run_by_finish ON job_run (finish_ms, job_id, run_no);

-- A pipeline of a job. attempt and last_checkpoint only grow, over all runs of the job, so that
-- nothing named after them is ever overwritten.
CREATE TABLE pipeline (
  job_id          TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  id              INTEGER NOT NULL,
  run_no          INTEGER NOT NULL,
  status          TEXT NOT NULL,
  allowed_ms      INTEGER NOT NULL,
  restores        INTEGER NOT NULL,
  attempt         INTEGER NOT NULL,
  last_checkpoint INTEGER NOT NULL,
  start_ms        INTEGER,
  finish_ms       INTEGER,
  error           TEXT NOT NULL,
  epoch           INTEGER NOT NULL,
  op_id           TEXT NOT NULL,
  PRIMARY KEY (job_id, id)
) STRICT;

-- A row is PENDING before anything else of the checkpoint exists; COMPLETED is its commit point.
CREATE TABLE checkpoint (
  job_id               TEXT NOT NULL,
  pipeline_id          INTEGER NOT NULL,
  id                   INTEGER NOT NULL,
  kind                 TEXT NOT NULL,
  status               TEXT NOT NULL CHECK (status IN ('PENDING', 'COMPLETED', 'ABORTED')),
  run_id               TEXT NOT NULL,
  attempt              INTEGER NOT NULL,
  trigger_ms           INTEGER NOT NULL,
  complete_ms          INTEGER,
  manifest             TEXT NOT NULL,
  size                 INTEGER NOT NULL,
  checksum             TEXT NOT NULL,
  manifest_inline      BLOB CHECK (length(manifest_inline) <= 32768),
  commits_acknowledged INTEGER NOT NULL CHECK (commits_acknowledged IN (0, 1)),
  error                TEXT NOT NULL,
  op_id                TEXT NOT NULL UNIQUE,
  PRIMARY KEY (job_id, pipeline_id, id),
  FOREIGN KEY (job_id, pipeline_id) REFERENCES pipeline (job_id, id) ON DELETE CASCADE
) STRICT;

-- What happened to a job, in order of id. It outlives the job's row.
CREATE TABLE event (
  id      INTEGER PRIMARY KEY,
  job_id  TEXT NOT NULL,
  run_no  INTEGER NOT NULL,
  at_ms   INTEGER NOT NULL,
  kind    TEXT NOT NULL,
  message TEXT NOT NULL,
  detail  TEXT NOT NULL
) STRICT;

CREATE INDEX event_by_job ON event (job_id, id);

CREATE INDEX event_by_time ON event (at_ms);

-- Save modes that have been carried out: they run once for a job.
CREATE TABLE save_mode (
  job_id     TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  sink       TEXT NOT NULL,
  table_name TEXT NOT NULL,
  done_ms    INTEGER NOT NULL,
  PRIMARY KEY (job_id, sink, table_name)
) STRICT;
