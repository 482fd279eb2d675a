CREATE TABLE faker WITH ('connector'='FakeSource', 'type'='source');
CREATE TABLE outp WITH ('connector'='Console', 'type'='sink');
CREATE TABLE unused WITH ('connector'='Console', 'type'='sink');
INSERT INTO outp SELECT * FROM fakr;
INSERT INTO outp SELECT nothing;
