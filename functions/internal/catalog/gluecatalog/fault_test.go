package gluecatalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go/logging"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
)

// passing are the faults that pass.
var passing = map[string]func() *gluetest.Fault{
	"throttled": gluetest.Throttled,
	"timed out": gluetest.TimedOut,
	"internal":  gluetest.Internal,
	"dropped":   gluetest.Dropped,
	"cut":       gluetest.Cut,
	"silent":    gluetest.Silent,
	"no JSON":   func() *gluetest.Fault { return gluetest.Answer(503, "", "") },
	"concurrent": func() *gluetest.Fault {
		return gluetest.Answer(400, "ConcurrentModificationException", "Two processes are trying to modify a resource simultaneously.")
	},
	"items": func() *gluetest.Fault { return gluetest.Items("InternalServiceException", "An error occurred.", nil) },
}

var whens = map[string]gluetest.When{"before": gluetest.Before, "after": gluetest.After}

// failing gives a hook that fails the first n calls of an operation, or all for n < 0, and counts
// them.
func failing(op string, when gluetest.When, n int64, fault func() *gluetest.Fault) (gluetest.Hook, *atomic.Int64) {
	var calls atomic.Int64
	return func(called string, at gluetest.When) *gluetest.Fault {
		if called != op || at != when || (calls.Add(1) > n && n >= 0) {
			return nil
		}
		return fault()
	}, &calls
}

// against gives a catalog for that fault. Only where no answer comes does its client not wait long
// for one, as an answer may take its time where tests run.
func against(t *testing.T, server *gluetest.Server, fault string) *gluecatalog.Catalog {
	t.Helper()
	timeout := time.Minute
	if fault == "silent" {
		timeout = 100 * time.Millisecond
	}
	client := gluecatalog.NewImpatientClient(config(server.URL()), timeout)
	c, err := gluecatalog.New(client, gluecatalog.Options{Database: database, LakeURL: lakeURL, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return c.Impatient(nil)
}

// TestPassingFaults fails each operation in each way, before and after it took effect, three times.
// The outcome is that without faults.
func TestPassingFaults(t *testing.T) {
	for _, op := range operations {
		for name, fault := range passing {
			for moment, when := range whens {
				t.Run(fmt.Sprintf("%s/%s/%s", op, name, moment), func(t *testing.T) {
					t.Parallel()
					server := start(t)
					server.SetPageSize(3)
					hook, calls := failing(op, when, 3, fault)
					server.SetHook(hook)
					c := against(t, server, name)
					if _, err := c.AddPartitions(t.Context(), table(), days(0, 5)); err != nil {
						t.Fatal(err)
					}
					wantListed(t, c, days(0, 5))
					server.DropIndexes(database, table().Name)
					if _, err := c.EnsureIndex(t.Context(), table()); err != nil {
						t.Fatal(err)
					}
					if _, err := c.RemovePartitions(t.Context(), table(), days(3, 4)); err != nil {
						t.Fatal(err)
					}
					wantTables(t, c, table().Name)
					wantRegistered(t, server, days(0, 3))
					server.ResetCalls()
					add(t, c, days(0, 3), 0)
					wantCalls(t, server, "", 0)
					if _, err := c.AddPartitions(t.Context(), table(), days(0, 4)); err != nil {
						t.Fatal(err)
					}
					wantRegistered(t, server, days(0, 4))
					wantIndexes(t, server, ours)
					if calls.Load() == 0 {
						t.Error("nothing failed")
					}
				})
			}
		}
	}
}

// TestLastingFaults fails each operation without end.
func TestLastingFaults(t *testing.T) {
	for _, op := range operations {
		for name, test := range map[string]struct {
			fault     func() *gluetest.Fault
			attempts  int
			retryable bool
			denied    bool
			want      string
		}{
			"throttled":      {gluetest.Throttled, gluecatalog.Attempts, true, false, "ThrottlingException: Rate exceeded (8 attempts, request 0"},
			"timed out":      {gluetest.TimedOut, gluecatalog.Attempts, true, false, "OperationTimeoutException"},
			"internal":       {gluetest.Internal, gluecatalog.Attempts, true, false, "InternalServiceException"},
			"dropped":        {gluetest.Dropped, gluecatalog.Attempts, true, false, "EOF (8 attempts)"},
			"silent":         {gluetest.Silent, gluecatalog.Attempts, true, false, "exceeded"},
			"denied":         {gluetest.Denied, 1, false, true, "access denied: " + op + ": AccessDeniedException: User: arn:aws:sts"},
			"Lake Formation": {gluetest.LakeFormationDenied, 1, false, true, "Lake Formation, which no IAM policy can grant: " + op + ": AccessDeniedException: Insufficient Lake Formation permission(s): Required Alter"},
			"invalid":        {func() *gluetest.Fault { return gluetest.Answer(400, "InvalidInputException", "No.\nReally not.") }, 1, false, false, op + ": InvalidInputException: No. Really not. (request 0"},
			"SDK's own":      {func() *gluetest.Fault { return gluetest.Answer(400, "RequestLimitExceeded", "Slower.") }, gluecatalog.Attempts, true, false, "RequestLimitExceeded"},
			"limit": {func() *gluetest.Fault {
				return gluetest.Answer(400, "ResourceNumberLimitExceededException", "Too many.")
			}, 1, false, false, "Too many"},
			"expired": {func() *gluetest.Fault { return gluetest.Answer(400, "ExpiredTokenException", "Expired.") }, 1, true, false, "ExpiredTokenException"},
		} {
			t.Run(op+"/"+name, func(t *testing.T) {
				t.Parallel()
				server := start(t)
				c := against(t, server, name)
				if op != "CreateDatabase" && op != "CreateTable" {
					add(t, open(t, server, gluecatalog.Options{Create: true}), days(0, 1), 1)
					server.DropIndexes(database, table().Name)
				}
				hook, _ := failing(op, gluetest.Before, -1, test.fault)
				server.SetHook(hook)
				server.ResetCalls()
				err := use(t.Context(), c, op)
				wantError(t, err, test.retryable, database, test.want)
				if errors.Is(err, fs.ErrPermission) != test.denied {
					t.Errorf("%v: it is fs.ErrPermission or not", err)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is taken for the context's", err)
				}
				wantCalls(t, server, op, test.attempts)

				// Nothing of it stays.
				server.SetHook(nil)
				if err := use(t.Context(), c, op); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

// use calls what sends that operation.
func use(ctx context.Context, c *gluecatalog.Catalog, op string) (err error) {
	switch op {
	case "GetTables":
		_, err = c.Tables(ctx)
	case "GetPartitions":
		_, err = c.Partitions(ctx, table())
	case "BatchDeletePartition":
		_, err = c.RemovePartitions(ctx, table(), days(0, 1))
	case "BatchCreatePartition":
		_, err = c.AddPartitions(ctx, table(), days(1, 1))
	case "GetPartitionIndexes", "CreatePartitionIndex":
		_, err = c.EnsureIndex(ctx, table())
	default:
		err = c.EnsureTable(ctx, table())
	}
	return err
}

// TestItemFaults fails single partitions of a batch.
func TestItemFaults(t *testing.T) {
	third := days(2, 1)[0].Values
	is := func(values []string) bool { return slices.Equal(values, third) }
	some := func(values []string) bool { return values[2] >= "03" }
	for name, test := range map[string]struct {
		code      string
		match     func([]string) bool
		requests  int
		retryable bool
		want      string
	}{
		"permanent":         {"GlueEncryptionException", is, 1, false, `partition ["2024" "01" "03"]: GlueEncryptionException: No way.`},
		"several":           {"GlueEncryptionException", some, 1, false, "(and 2 more)"},
		"passing, too long": {"InternalServiceException", is, gluecatalog.ItemRounds, true, `partition ["2024" "01" "03"]: InternalServiceException: No way.`},
		"no code":           {"", is, 1, false, `partition ["2024" "01" "03"]`},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			c := open(t, server, gluecatalog.Options{Create: true})
			failed := func(f func([]string) bool) (n int) {
				for _, p := range days(0, 5) {
					if f(p.Values) {
						n++
					}
				}
				return n
			}(test.match)
			fault := func() *gluetest.Fault { return gluetest.Items(test.code, "No  way.", test.match) }

			hook, _ := failing("BatchCreatePartition", gluetest.Before, -1, fault)
			server.SetHook(hook)
			added, err := c.AddPartitions(t.Context(), table(), days(0, 5))
			wantError(t, err, test.retryable, test.want, database+"."+table().Name)
			wantCalls(t, server, "BatchCreatePartition", test.requests)
			if registered := len(server.Partitions(database, table().Name)); added != 5-failed || registered != added {
				t.Errorf("added %d, registered %d, failed %d of 5", added, registered, failed)
			}
			// What succeeded is remembered; what failed is not.
			server.SetHook(nil)
			server.ResetCalls()
			add(t, c, days(0, 2), 0)
			wantCalls(t, server, "", 0)
			add(t, c, days(0, 5), failed)
			wantRegistered(t, server, days(0, 5))

			hook, _ = failing("BatchDeletePartition", gluetest.Before, -1, fault)
			server.SetHook(hook)
			removed, err := c.RemovePartitions(t.Context(), table(), days(0, 5))
			wantError(t, err, test.retryable, test.want, database+"."+table().Name)
			wantCalls(t, server, "BatchDeletePartition", test.requests)
			if left := len(server.Partitions(database, table().Name)); removed != 5-failed || left != failed {
				t.Errorf("removed %d, left %d, failed %d of 5", removed, left, failed)
			}
		})
	}
	t.Run("denied", func(t *testing.T) {
		server := start(t)
		hook, _ := failing("BatchCreatePartition", gluetest.Before, -1, func() *gluetest.Fault { return gluetest.Items("AccessDeniedException", "No.", is) })
		server.SetHook(hook)
		_, err := open(t, server, gluecatalog.Options{Create: true}).AddPartitions(t.Context(), table(), days(0, 5))
		wantError(t, err, false, "AccessDeniedException")
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v is not fs.ErrPermission", err)
		}
		hook, _ = failing("BatchCreatePartition", gluetest.Before, -1, func() *gluetest.Fault {
			return gluetest.Items("AccessDeniedException", "Insufficient Lake Formation permission(s) on s3://bucket/lake", is)
		})
		server.SetHook(hook)
		_, err = open(t, server, gluecatalog.Options{Create: true}).AddPartitions(t.Context(), table(), days(0, 5))
		wantError(t, err, false, "access denied by Lake Formation", "s3://bucket/lake")
	})
	t.Run("of another partition", func(t *testing.T) {
		server := start(t)
		hook, _ := failing("BatchCreatePartition", gluetest.Before, -1, func() *gluetest.Fault {
			return gluetest.Success(`{"Errors": [{"PartitionValues": ["2024", "1", "3"], "ErrorDetail": {"ErrorCode": "GlueEncryptionException"}}]}`)
		})
		server.SetHook(hook)
		added, err := open(t, server, gluecatalog.Options{Create: true}).AddPartitions(t.Context(), table(), days(0, 5))
		wantError(t, err, true, `"2024" "1" "3"`, "GlueEncryptionException", "not sent")
		if added != 0 {
			t.Errorf("added %d", added)
		}
	})
	t.Run("waiting ends with the context", func(t *testing.T) {
		server := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		server.SetHook(func(op string, when gluetest.When) *gluetest.Fault {
			if op != "BatchCreatePartition" || when != gluetest.Before {
				return nil
			}
			time.AfterFunc(5*time.Millisecond, cancel)
			return gluetest.Items("InternalServiceException", "No.", is)
		})
		patient, err := gluecatalog.New(client(server.URL()), gluecatalog.Options{Database: database, LakeURL: lakeURL, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = patient.AddPartitions(ctx, table(), days(0, 5)) // four waits of up to 100 ms and more
		if !errors.Is(err, context.Canceled) {
			t.Errorf("have %v", err)
		}
	})
}

// TestClient looks at the client as it is used, not the impatient one.
func TestClient(t *testing.T) {
	server := start(t)
	var log bytes.Buffer
	cfg := config(server.URL())
	cfg.Logger, cfg.ClientLogMode = logging.NewStandardLogger(&log), aws.LogRetries|aws.LogRequest|aws.LogDeprecatedUsage
	cfg.RetryMaxAttempts = 2 // AWS_MAX_ATTEMPTS
	hook, _ := failing("GetTable", gluetest.Before, -1, gluetest.TimedOut)
	server.SetHook(hook)
	c, err := gluecatalog.New(gluecatalog.NewClient(cfg), gluecatalog.Options{Database: database, LakeURL: lakeURL})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, c.EnsureTable(t.Context(), table()), true, "2 attempts")
	wantCalls(t, server, "GetTable", 2)
	if log.Len() != 0 {
		t.Errorf("the client logs %s", log.Bytes())
	}
}

// TestQuota has so many failures that the SDK stops to repeat.
func TestQuota(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{})
	hook, _ := failing("GetTable", gluetest.Before, -1, gluetest.Internal)
	server.SetHook(hook)
	var err error
	for range 20 {
		err = c.EnsureTable(t.Context(), table())
		wantError(t, err, true, "GetTable: InternalServiceException: ")
	}
	if n := server.Calls("GetTable"); n >= 20*gluecatalog.Attempts {
		t.Errorf("%d requests", n)
	}
}

func TestBackoff(t *testing.T) {
	for attempt, limit := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 7: 6400 * time.Millisecond, 8: 10 * time.Second, 100: 10 * time.Second,
	} {
		var least, most = limit, time.Duration(0)
		for range 1000 {
			d := gluecatalog.Backoff(attempt)
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || least > limit/10 || most > limit || most < limit*9/10 {
			t.Errorf("after %d attempts: %s to %s, want 0 to %s", attempt, least, most, limit)
		}
	}
}

// TestUnreachable has nobody listen.
func TestUnreachable(t *testing.T) {
	server := gluetest.Start()
	server.Close()
	c := against(t, server, "")
	wantError(t, c.EnsureTable(t.Context(), table()), true, "read table "+database+"."+table().Name, "GetTable", "connection refused", "8 attempts")
}

// createPartition registers a partition as others might.
func createPartition(t *testing.T, server *gluetest.Server, values []string, location string) {
	t.Helper()
	out, err := client(server.URL()).BatchCreatePartition(t.Context(), &glue.BatchCreatePartitionInput{
		DatabaseName: aws.String(database),
		TableName:    aws.String(table().Name),
		PartitionInputList: []types.PartitionInput{
			{Values: values, StorageDescriptor: &types.StorageDescriptor{Location: aws.String(location)}},
		},
	})
	if err != nil || len(out.Errors) > 0 {
		t.Fatal(out, err)
	}
}
