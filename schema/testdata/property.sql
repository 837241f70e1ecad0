ALTER TABLE `sampledb`.`aga_flow_logs` SET TBLPROPERTIES ('partition_filtering.enabled' = 'true');
