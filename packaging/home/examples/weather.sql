/* config
env {
  job.name = "rainy days"
  job.mode = "BATCH"
}
*/

-- The days on which it rained, as CSV.
--
--   seikan run weather.sql -i out=/tmp/weather

CREATE TABLE weather WITH (
  'connector' = 'LocalFile',
  'type' = 'source',
  'path' = '${data:data}/seattle-weather.csv',
  'file_format_type' = 'csv',
  'skip_header_row_number' = '1',
  'schema' = '{ fields { day = date, precipitation = double, temp_max = double, temp_min = double, wind = double, weather = string } }'
);

CREATE TABLE rainy WITH (
  'connector' = 'LocalFile',
  'type' = 'sink',
  'path' = '${out:result}/rainy',
  'file_format_type' = 'csv',
  'enable_header_write' = 'true',
  'data_save_mode' = 'DROP_DATA'
);

INSERT INTO rainy SELECT day, precipitation, temp_max, temp_min FROM weather WHERE weather = 'rain';
