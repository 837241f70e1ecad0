CREATE EXTERNAL TABLE IF NOT EXISTS `sampledb`.`aga_flow_logs` (
  `version` string COMMENT 'version of the flow log, a decimal such as 2.0',
  `awsaccountid` string COMMENT 'account that owns the accelerator, 12 digits',
  `acceleratorid` string COMMENT 'identifier of the accelerator',
  `clientip` string COMMENT 'address of the client, IPv4 or IPv6',
  `clientport` int COMMENT 'port of the client',
  `gip` string COMMENT 'static address of the accelerator',
  `gipport` int COMMENT 'port of the accelerator',
  `endpointip` string COMMENT 'address of the endpoint',
  `endpointport` int COMMENT 'port of the endpoint',
  `protocol` string COMMENT 'protocol, a name such as TCP or an IANA number',
  `ipaddresstype` string COMMENT 'IPV4 or IPV6',
  `packets` bigint COMMENT 'packets of the flow in the capture window',
  `bytes` bigint COMMENT 'bytes of the flow in the capture window',
  `starttime` timestamp COMMENT 'start of the capture window, UTC',
  `endtime` timestamp COMMENT 'end of the capture window, UTC',
  `action` string COMMENT 'ACCEPT or REJECT',
  `logstatus` string COMMENT 'OK, NODATA or SKIPDATA',
  `globalacceleratorsourceip` string COMMENT 'address that the accelerator used towards the endpoint, NULL where client addresses are preserved',
  `globalacceleratorsourceport` int COMMENT 'port that the accelerator used towards the endpoint, 0 where client addresses are preserved',
  `endpointregion` string COMMENT 'AWS Region of the endpoint',
  `globalacceleratorregion` string COMMENT 'edge location that served the request, such as NRT57-2',
  `direction` string COMMENT 'INGRESS or EGRESS, seen from the accelerator',
  `vpcid` string COMMENT 'VPC of the endpoint',
  `rejectreason` string COMMENT 'why traffic was rejected, such as BPA'
)
COMMENT 'AWS Global Accelerator flow logs'
PARTITIONED BY (
  `year` string COMMENT 'year of the start in UTC, four digits',
  `month` string COMMENT 'month, two digits',
  `day` string COMMENT 'day of the month, two digits'
)
STORED AS PARQUET
LOCATION 's3://amzn-s3-demo-bucket/lake/aga_flow_logs/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'flowlake.schema.version' = '1',
  'partition_filtering.enabled' = 'true'
);
