package gluetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
)

const (
	signed      = "AWS4-HMAC-SHA256 Credential=AKID/20260109/us-west-2/glue/aws4_request, SignedHeaders=host, Signature=0"
	createLake  = `{"DatabaseInput": {"Name": "Lake"}}`
	createTable = `{"DatabaseName": "lake", "TableInput": {"Name": "T", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]},
		"PartitionKeys": [{"Name": "year", "Type": "string"}, {"Name": "day", "Type": "string"}]}}`
)

// TestRules sends what AWS refuses.
func TestRules(t *testing.T) {
	server := start(t)
	for _, test := range []struct{ op, body, want string }{
		{"GetTable", `{"DatabaseName": "lake", "Name": "t"}`, "400 EntityNotFoundException: Database lake not found."},
		{"CreateTable", createTable, "400 EntityNotFoundException: Database lake not found."},
		{"CreateDatabase", `{"DatabaseInput": {}}`, "400 ValidationException"},
		{"CreateDatabase", createLake, "200"},
		{"CreateDatabase", createLake, "400 AlreadyExistsException: Database already exists."},
		{"GetTable", `{"DatabaseName": "lake", "Name": "t"}`, "400 EntityNotFoundException: Table t not found."},
		{"GetPartitions", `{"DatabaseName": "lake", "TableName": "t"}`, "400 EntityNotFoundException: Table t not found."},
		{"BatchCreatePartition", create("2024"), "400 EntityNotFoundException: Table t not found."},
		{"BatchDeletePartition", remove("2024"), "400 EntityNotFoundException: Table t not found."},
		{"CreateTable", createTable, "200"},
		{"CreateTable", createTable, "400 AlreadyExistsException: Table already exists."},
		{"CreateTable", strings.Replace(createTable, `"T"`, `""`, 1), "400 ValidationException"},
		{"CreateTable", strings.Replace(createTable, `"T", `, `"U", "Comment": `, 1), "400 SerializationException"},
		{"CreateTable", strings.Replace(strings.Replace(createTable, `"T"`, `"U"`, 1), `"int"`, `"int", "Comment": "`+strings.Repeat("x", 256)+`"`, 1), "400 ValidationException"},
		{"CreateTable", strings.Replace(strings.Replace(createTable, `"T"`, `"U"`, 1), `"TableInput"`, `"PartitionIndexes": [{"IndexName": "i", "Keys": ["month"]}], "TableInput"`, 1), "400 InvalidInputException"},
		{"GetTable", `{"DatabaseName": "lake"}`, "400 ValidationException"},
		{"GetTable", `{"DatabaseName": "lake", "Name": "t", "TransactionId": "1"}`, "400 UnknownOperationException: gluetest does not know the field TransactionId"},
		{"BatchCreatePartition", create(many(101)...), "400 ValidationException"},
		{"BatchDeletePartition", remove(many(26)...), "400 ValidationException"},
		{"GetPartitions", `{"DatabaseName": "lake", "TableName": "t", "MaxResults": 1001}`, "400 ValidationException"},
		{"GetPartitions", `{"DatabaseName": "lake", "TableName": "t", "NextToken": "x"}`, "400 InvalidInputException"},
		{"GetTables", `{"DatabaseName": "lake", "MaxResults": 101}`, "400 ValidationException"},
		{"UpdateTable", `{}`, "400 UnknownOperationException"},
	} {
		status, body := post(t, server, test.op, test.body)
		got := strings.TrimSuffix(fmt.Sprintf("%d %s: %s", status, body["__type"], body["Message"]), " %!s(<nil>): %!s(<nil>)")
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s %.60s gives %s, want %s", test.op, test.body, got, test.want)
		}
	}
	if got := server.Partitions("lake", "t"); got != nil {
		t.Errorf("there are partitions: %v", got)
	}
	if got := server.Calls("GetTable"); got != 4 {
		t.Errorf("counts %d calls of GetTable", got)
	}
}

func TestUnsigned(t *testing.T) {
	server := start(t)
	response, err := http.Post(server.URL(), "application/x-amz-json-1.1", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 400 || !strings.Contains(string(body), "MissingAuthenticationToken") {
		t.Errorf("gives %d, %s, %v", response.StatusCode, body, err)
	}
	if server.Calls("") != 0 {
		t.Error("it counts")
	}
}

// TestBatches has partitions of a batch fail by themselves, in an answer that succeeds.
func TestBatches(t *testing.T) {
	server := filled(t)
	for _, test := range []struct{ op, body, want string }{
		{"BatchCreatePartition", create("a", "b", "a"), "[a 01]: AlreadyExistsException"},
		{"BatchCreatePartition", create("b", "c"), "[b 01]: AlreadyExistsException"},
		{"BatchCreatePartition", strings.Replace(create("d", "e"), `"d", "01"`, `"d"`, 1), "[d]: InvalidInputException"},
		{"BatchCreatePartition", create("", "f"), "[ 01]: InvalidInputException"},
		{"BatchDeletePartition", remove("a", "x", "a"), "[x 01]: EntityNotFoundException, [a 01]: EntityNotFoundException"},
		{"BatchDeletePartition", remove("b"), ""},
	} {
		status, body := post(t, server, test.op, test.body)
		if got := itemErrors(body); status != 200 || got != test.want {
			t.Errorf("%s %s gives %d, %s, want %s", test.op, test.body, status, got, test.want)
		}
	}
	if got := values(server); got != "c e f" {
		t.Errorf("there are partitions %s, want c e f", got)
	}
}

// TestIndexes adds partition indexes until there are too many, and looks at their states.
func TestIndexes(t *testing.T) {
	server := filled(t)
	server.SetPageSize(2)
	add := func(name, keys string) string {
		return fmt.Sprintf(`{"DatabaseName": "LAKE", "TableName": "T", "PartitionIndex": {"IndexName": %q, "Keys": [%s]}}`, name, keys)
	}
	for _, test := range []struct{ op, body, want, indexes string }{
		{"CreatePartitionIndex", strings.Replace(add("i", `"day"`), `"T"`, `"u"`, 1), "400 EntityNotFoundException: Table u not found.", ""},
		{"CreatePartitionIndex", `{"DatabaseName": "lake", "TableName": "t"}`, "400 ValidationException", ""},
		{"CreatePartitionIndex", add("", `"day"`), "400 ValidationException", ""},
		{"CreatePartitionIndex", add("i", ""), "400 ValidationException", ""},
		{"CreatePartitionIndex", add("i", `"day", "month"`), "400 InvalidInputException: IndexKeys not a part of PartitionColumns. Verify the indexKeys : [month]", ""},
		{"CreatePartitionIndex", add("By_Day", `"year", "Day"`), "200", ""},
		{"CreatePartitionIndex", add("i", `"day"`), "400 ResourceNumberLimitExceededException: Index by_day is in CREATING state.", "by_day: year day CREATING"},
		{"CreatePartitionIndex", add("BY_DAY", `"day"`), "400 AlreadyExistsException: Partition Index by_day already exists with the same name.", "by_day: year day ACTIVE"},
		{"CreatePartitionIndex", add("i", `"year", "day"`), "400 AlreadyExistsException: Partition Index by_day already exists with the same keys.", "by_day: year day ACTIVE"},
		{"CreatePartitionIndex", add("i", `"day", "year"`), "200", "by_day: year day ACTIVE, i: day year CREATING"},
		{"CreatePartitionIndex", add("j", `"day"`), "200", "by_day: year day ACTIVE, i: day year ACTIVE, j: day CREATING"},
		{"CreatePartitionIndex", add("j", `"day"`), "400 ResourceNumberLimitExceededException: Partition index limit exceeded. Maximum: 3", "by_day: year day ACTIVE, i: day year ACTIVE, j: day ACTIVE"},
		{"GetPartitionIndexes", `{"DatabaseName": "lake", "TableName": "u"}`, "400 EntityNotFoundException: Table u not found.", ""},
		{"GetPartitionIndexes", `{"DatabaseName": "lake", "TableName": "t", "MaxResults": 1}`, "400 UnknownOperationException: gluetest does not know the field MaxResults", ""},
		{"GetPartitionIndexes", `{"DatabaseName": "lake", "TableName": "t", "NextToken": "x"}`, "400 InvalidInputException: Invalid NextToken.", ""},
	} {
		status, body := post(t, server, test.op, test.body)
		got := strings.TrimSuffix(fmt.Sprintf("%d %s: %s", status, body["__type"], body["Message"]), " %!s(<nil>): %!s(<nil>)")
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s %s gives %s, want %s", test.op, test.body, got, test.want)
		}
		if test.indexes == "" {
			continue // to look would change a state
		}
		if got := indexes(t, server, "t"); got != test.indexes {
			t.Errorf("after %s %s there are %s, want %s", test.op, test.body, got, test.indexes)
		}
	}
	if !server.DropIndexes("lake", "t") || server.DropIndexes("lake", "t") || indexes(t, server, "t") != "" {
		t.Error("they do not go, or go twice")
	}

	// A table that is new has nothing that Glue would have to build an index of.
	create := strings.Replace(strings.Replace(createTable, `"T"`, `"U"`, 1), `"TableInput"`, `"PartitionIndexes": [%s], "TableInput"`, 1)
	for list, want := range map[string]string{
		`{"IndexName": "i", "Keys": ["day"]}, {"IndexName": "j", "Keys": ["day"]}`:                                                                                            "400 AlreadyExistsException: Partition Index i already exists with the same keys.",
		`{"IndexName": "i", "Keys": ["day"]}, {"IndexName": "j", "Keys": ["year"]}, {"IndexName": "k", "Keys": ["year", "day"]}, {"IndexName": "l", "Keys": ["day", "year"]}`: "400 ResourceNumberLimitExceededException",
	} {
		status, body := post(t, server, "CreateTable", fmt.Sprintf(create, list))
		if got := fmt.Sprintf("%d %s: %s", status, body["__type"], body["Message"]); !strings.HasPrefix(got, want) {
			t.Errorf("CreateTable with %s gives %s, want %s", list, got, want)
		}
	}
	status, body := post(t, server, "CreateTable", fmt.Sprintf(create, `{"IndexName": "i", "Keys": ["day"]}, {"IndexName": "j", "Keys": ["year"]}`))
	if got := indexes(t, server, "u"); status != 200 || got != "i: day ACTIVE, j: year ACTIVE" {
		t.Errorf("CreateTable gives %d %v, and indexes %s", status, body, got)
	}
}

// indexes gives the partition indexes of a table, from all pages.
func indexes(t *testing.T, server *gluetest.Server, table string) string {
	t.Helper()
	var all []string
	for token := ""; ; {
		_, body := post(t, server, "GetPartitionIndexes", fmt.Sprintf(`{"DatabaseName": "lake", "TableName": %q, "NextToken": %q}`, table, token))
		for _, x := range body["PartitionIndexDescriptorList"].([]any) {
			x := x.(map[string]any)
			text := x["IndexName"].(string) + ":"
			for _, k := range x["Keys"].([]any) {
				k := k.(map[string]any)
				text += " " + k["Name"].(string)
				if k["Type"] != "string" {
					t.Errorf("the type of key %s is %v", k["Name"], k["Type"])
				}
			}
			all = append(all, text+" "+x["IndexStatus"].(string))
		}
		var more bool
		if token, more = body["NextToken"].(string); !more {
			return strings.Join(all, ", ")
		}
	}
}

// TestPages has a page for each two, and an empty one in the end, as AWS may.
func TestPages(t *testing.T) {
	server := filled(t)
	post(t, server, "BatchCreatePartition", create("d", "b", "a", "c"))
	server.SetPageSize(2)
	got, token := "", ""
	for range 10 {
		_, body := post(t, server, "GetPartitions", `{"DatabaseName": "LAKE", "TableName": "T", "ExcludeColumnSchema": true, "NextToken": "`+token+`"}`)
		got += "|"
		for _, p := range body["Partitions"].([]any) {
			p := p.(map[string]any)
			got += p["Values"].([]any)[0].(string)
			descriptor := p["StorageDescriptor"].(map[string]any)
			if descriptor["Location"] == "" || descriptor["Columns"] != nil {
				t.Errorf("the storage descriptor is %v", descriptor)
			}
			if seconds, ok := p["CreationTime"].(float64); !ok || seconds < 1e9 || seconds > 1e11 {
				t.Errorf("the time is %v", p["CreationTime"])
			}
		}
		var more bool
		if token, more = body["NextToken"].(string); !more {
			break
		}
	}
	if got != "|ab|cd|" {
		t.Errorf("the pages are %s", got)
	}
	_, body := post(t, server, "GetPartitions", `{"DatabaseName": "lake", "TableName": "t", "MaxResults": 1}`)
	if n := len(body["Partitions"].([]any)); n != 1 {
		t.Errorf("a page for one has %d", n)
	}
}

// TestFaults looks at what took effect.
func TestFaults(t *testing.T) {
	second := func(values []string) bool { return values[0] == "b" }
	for _, test := range []struct {
		when              gluetest.When
		fault             *gluetest.Fault
		answer, partition string
	}{
		{gluetest.Before, gluetest.Internal(), "500 InternalServiceException", ""},
		{gluetest.After, gluetest.Internal(), "500 InternalServiceException", "a b"},
		{gluetest.Before, gluetest.Items("Oops", "", second), "[b 01]: Oops", "a"},
		{gluetest.After, gluetest.Items("Oops", "", second), "[b 01]: Oops", "a b"},
		{gluetest.Before, gluetest.Dropped(), "none", ""},
		{gluetest.After, gluetest.Cut(), "none", "a b"},
	} {
		server := filled(t)
		server.SetHook(func(op string, when gluetest.When) *gluetest.Fault {
			if op != "BatchCreatePartition" || when != test.when {
				return nil
			}
			return test.fault
		})
		status, body, err := send(server, "BatchCreatePartition", create("a", "b"))
		got := "none"
		switch {
		case err != nil:
		case status == 200:
			got = itemErrors(body)
		default:
			got = fmt.Sprintf("%d %s", status, body["__type"])
		}
		if partitions := values(server); got != test.answer || partitions != test.partition {
			t.Errorf("%v gives %q and leaves %q, want %q and %q", test.fault, got, partitions, test.answer, test.partition)
		}
	}
}

// TestClose closes a server that owes an answer.
func TestClose(t *testing.T) {
	server := filled(t)
	server.SetHook(func(string, gluetest.When) *gluetest.Fault {
		go server.Close()
		return gluetest.Silent()
	})
	if _, _, err := send(server, "GetTables", `{"DatabaseName": "lake"}`); err == nil {
		t.Error("there is an answer")
	}
	server.Close()
}

func start(t *testing.T) *gluetest.Server {
	t.Helper()
	server := gluetest.Start()
	t.Cleanup(server.Close)
	return server
}

// filled gives a server with a database and a table.
func filled(t *testing.T) *gluetest.Server {
	t.Helper()
	server := start(t)
	for _, request := range [][2]string{{"CreateDatabase", createLake}, {"CreateTable", createTable}} {
		if status, body := post(t, server, request[0], request[1]); status != 200 {
			t.Fatal(status, body)
		}
	}
	return server
}

func post(t *testing.T, server *gluetest.Server, op, body string) (int, map[string]any) {
	t.Helper()
	status, out, err := send(server, op, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, out
}

func send(server *gluetest.Server, op, body string) (int, map[string]any, error) {
	request, err := http.NewRequest(http.MethodPost, server.URL(), strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AWSGlue."+op)
	request.Header.Set("Authorization", signed)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	out := map[string]any{}
	return response.StatusCode, out, json.NewDecoder(response.Body).Decode(&out)
}

// create gives a request for partitions by their first values.
func create(years ...string) string { return batch("PartitionInputList", years) }

func remove(years ...string) string { return batch("PartitionsToDelete", years) }

func batch(field string, years []string) string {
	var list []string
	for _, y := range years {
		list = append(list, fmt.Sprintf(`{"Values": [%q, "01"], "StorageDescriptor": {"Location": %q, "Columns": [{"Name": "a"}]}}`, y, "s3://b/"+y+"/"))
	}
	return fmt.Sprintf(`{"DatabaseName": "lake", "TableName": "t", %q: [%s]}`, field, strings.Join(list, ", "))
}

func many(n int) []string {
	years := make([]string, n)
	for i := range years {
		years[i] = fmt.Sprint(i)
	}
	return years
}

// values gives the first values of the partitions.
func values(server *gluetest.Server) string {
	var years []string
	for _, p := range server.Partitions("lake", "t") {
		if p.Location != "s3://b/"+p.Values[0]+"/" && p.Values[0] != "" {
			return "a wrong location"
		}
		years = append(years, p.Values[0])
	}
	if !slices.IsSorted(years) {
		return "no order"
	}
	return strings.Join(years, " ")
}

func itemErrors(body map[string]any) string {
	var all []string
	errs, _ := body["Errors"].([]any)
	for _, e := range errs {
		e := e.(map[string]any)
		all = append(all, fmt.Sprintf("%v: %v", e["PartitionValues"], e["ErrorDetail"].(map[string]any)["ErrorCode"]))
	}
	return strings.Join(all, ", ")
}
