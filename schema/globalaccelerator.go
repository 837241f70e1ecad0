package schema

// GlobalAccelerator declares the flow logs of AWS Global Accelerator.
//
// The fields, their order and their meaning are those of the Global Accelerator developer guide,
// "Flow log record syntax"; the header names are those that real files carry, with the guide's
// other spellings as aliases. Version 1.0 has 22 fields, version 2.0 adds vpc_id, and today's guide
// a 24th, reject_reason. Column names are those of the AWS article "Analyzing and visualizing AWS
// Global Accelerator flow logs using Amazon Athena and Amazon QuickSight", so that its SQL runs as
// it stands. Its types are not: its INT overflows on packets and bytes and leaves times as numbers.
func GlobalAccelerator() *Table {
	const port = 65535
	return &Table{
		Name:       "aga_flow_logs",
		Comment:    "AWS Global Accelerator flow logs",
		Version:    1,
		Service:    "globalaccelerator",
		TimeColumn: "starttime",
		SortColumn: "clientip",
		Signature:  "acceleratorid",
		Columns: []Column{
			{Name: "version", Type: String, Field: "version", Comment: "version of the flow log, a decimal such as 2.0"},
			{Name: "awsaccountid", Type: String, Field: "aws_account_id", Aliases: []string{"account_id"}, Comment: "account that owns the accelerator, 12 digits"},
			{Name: "acceleratorid", Type: String, Field: "accelerator_id", Comment: "identifier of the accelerator"},
			{Name: "clientip", Type: String, Field: "client_ip", Bloom: true, Comment: "address of the client, IPv4 or IPv6"},
			{Name: "clientport", Type: Int32, Field: "client_port", Max: port, Plain: true, Comment: "port of the client"},
			{Name: "gip", Type: String, Field: "gip", Aliases: []string{"accelerator_ip"}, Comment: "static address of the accelerator"},
			{Name: "gipport", Type: Int32, Field: "gip_port", Aliases: []string{"accelerator_port"}, Max: port, Comment: "port of the accelerator"},
			{Name: "endpointip", Type: String, Field: "endpoint_ip", Comment: "address of the endpoint"},
			{Name: "endpointport", Type: Int32, Field: "endpoint_port", Max: port, Comment: "port of the endpoint"},
			{Name: "protocol", Type: String, Field: "protocol", Comment: "protocol, a name such as TCP or an IANA number"},
			{Name: "ipaddresstype", Type: String, Field: "ip_address_type", Comment: "IPV4 or IPV6"},
			{Name: "packets", Type: Int64, Field: "packets", Plain: true, Comment: "packets of the flow in the capture window"},
			{Name: "bytes", Type: Int64, Field: "bytes", Plain: true, Comment: "bytes of the flow in the capture window"},
			{Name: "starttime", Type: Timestamp, Field: "start_time", Comment: "start of the capture window, UTC"},
			{Name: "endtime", Type: Timestamp, Field: "end_time", Comment: "end of the capture window, UTC"},
			{Name: "action", Type: String, Field: "action", Comment: "ACCEPT or REJECT"},
			{Name: "logstatus", Type: String, Field: "log_status", Comment: "OK, NODATA or SKIPDATA"},
			{Name: "globalacceleratorsourceip", Type: String, Field: "globalaccelerator_source_ip", Comment: "address that the accelerator used towards the endpoint, NULL where client addresses are preserved"},
			{Name: "globalacceleratorsourceport", Type: Int32, Field: "globalaccelerator_source_port", Max: port, Plain: true, Comment: "port that the accelerator used towards the endpoint, 0 where client addresses are preserved"},
			{Name: "endpointregion", Type: String, Field: "endpoint_region", Comment: "AWS Region of the endpoint"},
			{Name: "globalacceleratorregion", Type: String, Field: "globalaccelerator_region", Comment: "edge location that served the request, such as NRT57-2"},
			{Name: "direction", Type: String, Field: "direction", Comment: "INGRESS or EGRESS, seen from the accelerator"},
			{Name: "vpcid", Type: String, Field: "vpc_id", Since: "2.0", Comment: "VPC of the endpoint"},
			{Name: "rejectreason", Type: String, Field: "reject_reason", Since: "2.0", Comment: "why traffic was rejected, such as BPA"},
		},
	}
}
