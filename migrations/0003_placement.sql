-- Where the tasks of a job run: facts of the master, read by whoever shows slots.

-- The pipelines of the job's plan as JSON, so that a new master need not plan again.
ALTER TABLE job ADD COLUMN shape TEXT NOT NULL DEFAULT '';

-- The node of each task of the pipeline's present attempt as JSON: {"head": "node-1", "chain-0": …}.
ALTER TABLE pipeline ADD COLUMN placement TEXT NOT NULL DEFAULT '';

-- How the pipeline ended: the kind of its final checkpoint, empty while it has not finished.
ALTER TABLE pipeline ADD COLUMN final_kind TEXT NOT NULL DEFAULT '';

-- Whether its last error cannot be healed by another try.
ALTER TABLE pipeline ADD COLUMN permanent INTEGER NOT NULL DEFAULT 0;
