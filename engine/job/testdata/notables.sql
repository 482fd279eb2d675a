CREATE TABLE outp WITH ('connector'='Console', 'type'='sink');
