package gluecatalog_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/catalogtest"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	database = "lake"
	lakeURL  = "s3://flow-lake/some/prefix"
)

func TestGlue(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) catalogtest.Catalog {
		server := start(t)
		server.SetPageSize(50)
		return open(t, server, gluecatalog.Options{Create: true})
	})
}

func TestOptions(t *testing.T) {
	bad := gluecatalog.Options{Database: "My Lake", LakeURL: "./lake", CatalogID: "1 2", MaxAge: -1}
	_, err := gluecatalog.New(nil, bad)
	if err == nil {
		t.Fatal("New accepts anything")
	}
	for _, part := range []string{"database", `"My Lake"`, "lake", `"./lake"`, `"1 2"`, "-1ns"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell of %s: %v", part, err)
		}
	}
	for url, good := range map[string]bool{
		"s3://bucket": true, "s3://bucket/": true, "s3://bucket/a": true, "s3://bucket/a/b c/": true,
		"": false, "bucket": false, "s3://": false, "s3:///a": false, "s3://bucket//": false, "s3://bucket//a": false, "https://bucket/a": false, "s3://bucket/a//": false,
	} {
		o := gluecatalog.Options{Database: "a-b_1", LakeURL: url}
		if err := o.Validate(); (err == nil) != good {
			t.Errorf("lake %q gives %v", url, err)
		}
	}
}

// TestLakeURL has a lake at a bucket's root, and one whose URL ends in a slash.
func TestLakeURL(t *testing.T) {
	for _, url := range []string{"s3://flow-lake", "s3://flow-lake/", "s3://flow-lake/x/"} {
		server := start(t)
		c := open(t, server, gluecatalog.Options{LakeURL: url, Create: true})
		add(t, c, days(0, 1), 1)
		want := strings.TrimSuffix(url, "/") + "/aga_flow_logs/year=2024/month=01/day=01/"
		if got := server.Partitions(database, table().Name)[0].Location; got != want {
			t.Errorf("the location is %s, want %s", got, want)
		}
		wantListed(t, c, days(0, 1))
	}
}

func TestTables(t *testing.T) {
	server := start(t)
	server.SetPageSize(2)
	c := open(t, server, gluecatalog.Options{Create: true})
	wantTables(t, c)
	var want []string
	for _, name := range []string{"d", "b", "a", "c"} {
		other := *table()
		other.Name = name
		if err := c.EnsureTable(t.Context(), &other); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
		slices.Sort(want)
		wantTables(t, c, want...)
	}
	if n := server.Calls("GetTables"); n != 1+1+2+2+3 {
		t.Errorf("%d requests for pages", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Tables(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled context gives %v", err)
	}
}

// TestCatalogID looks for the account in every request.
func TestCatalogID(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true, CatalogID: "210987654321"})
	add(t, c, days(0, 1), 1)
	wantListed(t, c, days(0, 1))
	wantTables(t, c, table().Name)
	if _, err := c.RemovePartitions(t.Context(), table(), days(0, 1)); err != nil {
		t.Fatal(err)
	}
	server.DropIndexes(database, table().Name)
	if _, err := c.EnsureIndex(t.Context(), table()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, op := range operations {
		for _, body := range server.Requests(op) {
			n++
			if !strings.Contains(string(body), `"CatalogId":"210987654321"`) {
				t.Errorf("%s lacks the account: %s", op, body)
			}
		}
	}
	if n != server.Calls("") || n < len(operations) {
		t.Errorf("looked at %d requests of %d", n, server.Calls(""))
	}
}

// operations are all that a catalog uses.
var operations = []string{"GetTable", "GetTables", "CreateDatabase", "CreateTable", "GetPartitionIndexes", "CreatePartitionIndex",
	"BatchCreatePartition", "GetPartitions", "BatchDeletePartition"}

func start(t *testing.T) *gluetest.Server {
	t.Helper()
	server := gluetest.Start()
	t.Cleanup(server.Close)
	return server
}

// config is how the SDK finds a server.
func config(url string) aws.Config {
	return aws.Config{
		Region:       "us-west-2",
		BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil
		}),
	}
}

// client sends a copy of each request's body. The SDK closes the body as soon as an answer begins, while
// the transport may still look for its end; it then drops the connection in the middle of a long answer,
// and the SDK sends the request again. That is harmless, but these tests count requests.
func client(url string) *glue.Client {
	c := gluecatalog.NewImpatientClient(config(url), time.Minute)
	return glue.New(c.Options(), func(o *glue.Options) { o.HTTPClient = copying{o.HTTPClient} })
}

type copying struct{ next glue.HTTPClient }

func (c copying) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.next.Do(r)
}

// open gives a catalog on a server; database and lake have defaults.
func open(t *testing.T, server *gluetest.Server, o gluecatalog.Options) *gluecatalog.Catalog {
	t.Helper()
	if o.Database == "" {
		o.Database = database
	}
	if o.LakeURL == "" {
		o.LakeURL = lakeURL
	}
	c, err := gluecatalog.New(client(server.URL()), o)
	if err != nil {
		t.Fatal(err)
	}
	return c.Impatient(nil)
}

func table() *schema.Table { return schema.GlobalAccelerator() }

// days gives the partitions of that many days from 2024-01-01 on, leaving out skip of them.
func days(skip, n int) []schema.Partition {
	partitions := make([]schema.Partition, n)
	for i := range partitions {
		partitions[i] = table().Partition(schema.Day(19723 + skip + i))
	}
	return partitions
}

func add(t *testing.T, c *gluecatalog.Catalog, partitions []schema.Partition, want int) {
	t.Helper()
	if added, err := c.AddPartitions(t.Context(), table(), partitions); added != want || err != nil {
		t.Fatalf("adding %d partitions gives %d, %v, want %d", len(partitions), added, err, want)
	}
}

// wantRegistered looks at what the server holds.
func wantRegistered(t *testing.T, server *gluetest.Server, want []schema.Partition) {
	t.Helper()
	got := server.Partitions(database, table().Name)
	same := slices.EqualFunc(got, want, func(g gluetest.Partition, w schema.Partition) bool {
		return slices.Equal(g.Values, w.Values) && g.Location == lakeURL+"/"+w.Location
	})
	if !same {
		t.Errorf("the server holds %d partitions, want %d, or they differ: %v", len(got), len(want), got)
	}
}

func wantListed(t *testing.T, c *gluecatalog.Catalog, want []schema.Partition) {
	t.Helper()
	got, err := c.Partitions(t.Context(), table())
	same := slices.EqualFunc(got, want, func(g, w schema.Partition) bool {
		return slices.Equal(g.Values, w.Values) && g.Location == w.Location
	})
	if err != nil || !same {
		t.Errorf("Partitions gives %v, %v, want %v", got, err, want)
	}
}

func wantTables(t *testing.T, c *gluecatalog.Catalog, want ...string) {
	t.Helper()
	if got, err := c.Tables(t.Context()); !slices.Equal(got, want) || err != nil {
		t.Errorf("Tables gives %q, %v, want %q", got, err, want)
	}
}

func wantCalls(t *testing.T, server *gluetest.Server, op string, want int) {
	t.Helper()
	if got := server.Calls(op); got != want {
		t.Errorf("%d calls of %q, want %d", got, op, want)
	}
}

// wantError checks what an error says of itself, and that it is one line with these parts.
func wantError(t *testing.T, err error, retryable bool, parts ...string) {
	t.Helper()
	var r interface{ Retryable() bool }
	if err == nil || !errors.As(err, &r) || r.Retryable() != retryable {
		t.Errorf("have error %v, want one with retryable %t", err, retryable)
		return
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell of %q: %v", part, err)
		}
	}
}

func wantNoTable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, catalog.ErrNoTable) {
		t.Errorf("have %v, want ErrNoTable", err)
	}
	wantError(t, err, false, table().Name, "database "+database, "flowlake table create")
}
