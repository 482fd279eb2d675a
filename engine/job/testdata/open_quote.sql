CREATE TABLE a WITH (
  'connector'='Con
