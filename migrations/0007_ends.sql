-- readable from: 5
-- Jobs that ended in one way, in the order of their ends.
CREATE INDEX job_by_end ON job (status, finish_ms, id) WHERE finish_ms IS NOT NULL;
