-- readable from: 5
-- Which programs can work on the store as each step leaves it: those that know this version or a
-- later one. (Programs that know less than 5 refuse whatever is newer than they are.)
ALTER TABLE schema_version ADD COLUMN readable_from INTEGER NOT NULL DEFAULT 0;
