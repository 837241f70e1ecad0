CREATE EXTERNAL TABLE IF NOT EXISTS `aga_flow_logs_rejects` (
  `source` string COMMENT 'URL of the object that holds the line',
  `line` bigint COMMENT 'number of the line in the text of the object, from 1, header and blank lines counted',
  `reason` string COMMENT 'field and what was expected of it',
  `raw` string COMMENT 'the line as it stands, without its line end, cut at the longest permitted line'
)
COMMENT 'Lines of aga_flow_logs sources that could not be read as records.'
PARTITIONED BY (
  `year` string COMMENT 'year of the start in UTC, four digits',
  `month` string COMMENT 'month, two digits',
  `day` string COMMENT 'day of the month, two digits'
)
STORED AS PARQUET
LOCATION 's3://amzn-s3-demo-bucket/aga_flow_logs_rejects/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'flowlake.schema.version' = '1',
  'partition_filtering.enabled' = 'true'
);
