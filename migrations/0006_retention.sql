-- readable from: 5
-- Rows on their way into the archive: those of a batch go into one file, and then they go.
ALTER TABLE job_run ADD COLUMN batch TEXT;

ALTER TABLE event ADD COLUMN batch TEXT;

CREATE INDEX job_run_by_batch ON job_run (batch, finish_ms, job_id, run_no) WHERE batch IS NOT NULL;

CREATE INDEX event_by_batch ON event (batch, id) WHERE batch IS NOT NULL;

CREATE INDEX job_by_finish ON job (finish_ms, id) WHERE finish_ms IS NOT NULL;

-- The newest event that was posted to event-report-http: one row.
CREATE TABLE reported (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  event_id INTEGER NOT NULL
) STRICT;
