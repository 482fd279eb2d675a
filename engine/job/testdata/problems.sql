/* config
  parallelism = = 2
*/
CREATE TABLE a WITH ('connector'='FakeSource', 'type'='source', 'schema'='{ x''y = "é''" @ 1 }');
CREATE TABLE b WITH ('connector'='Console');
CREATE TABLE b2 WITH ('connector'='Console', 'type'='lookup');
CREATE TABLE c WITH ('connector'='Console', 'type'=sink);
CREATE TABLE d (x INT);
CREATE TABLE a AS SELECT * FROM a;
CREATE TABLE e AS SELECT 1;
CREATE TABLE k WITH ('connector'='Console', 'type'='sink', 'x'='1', 'x'='2') x;
INSERT INTO c (x) SELECT * FROM a;
INSERT INTO nope SELECT * FROM a;
DROP TABLE a;
SELECT
