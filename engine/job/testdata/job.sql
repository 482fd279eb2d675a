/* config
env {
  parallelism = 2
  cron = "*/5"
}
*/

/* a source; with a semicolon */
CREATE TABLE fake (id INT, name VARCHAR(10)) WITH ( -- the source
  'connector' = 'FakeSource',
  'type' = 'source',
  'row.num' = '${p}', -- ''no value''
  'note' = 'it''s -- no comment; here',
  'schema' = '{
    fields { id = int, name = "str''ing", x = int }
  }',
  'list'='[1, "it''s", 2]'
);
-- two sinks
CREATE TABLE out WITH ('connector'='Console', 'type'='sink'); CREATE TABLE IF NOT EXISTS `my out` WITH ('connector'='Console','type'='sink');
create table big as
select id, extract(year from d) as y -- the ; year
from fake where name = 'a;b';
INSERT INTO out SELECT * FROM big;
INSERT INTO out SELECT fake;
insert into `my out` select /* all */ id
  from fake;
