ALTER TABLE `sampledb`.`aga_flow_logs` ADD IF NOT EXISTS
  PARTITION (`year` = '2026', `month` = '01', `day` = '09')
  LOCATION 's3://amzn-s3-demo-bucket/lake/aga_flow_logs/year=2026/month=01/day=09/';
