-- The lives of the cluster: one row when it is formed, and one for each time its state came back
-- from a backup. The last row is the present one. settled is 0 until the checkpoints that are
-- newer than the backup are adopted: no job may start before that.
CREATE TABLE incarnation (
  seq           INTEGER PRIMARY KEY,
  id            TEXT NOT NULL UNIQUE,
  began_ms      INTEGER NOT NULL,
  restored_from TEXT NOT NULL,
  settled       INTEGER NOT NULL CHECK (settled IN (0, 1))
) STRICT;
