package gluecatalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

// clock is a clock that stands still unless it is moved.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(time.Date(2026, 1, 9, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) move(d time.Duration) { c.at.Add(int64(d)) }

func TestKnownPartitionsTakeNoRequest(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true})
	add(t, c, days(0, 3), 3)
	add(t, open(t, server, gluecatalog.Options{}), days(3, 1), 1)
	server.ResetCalls()
	add(t, c, days(0, 3), 0)
	add(t, c, days(1, 1), 0)
	add(t, c, nil, 0)
	wantCalls(t, server, "", 0)

	// What others registered is known once Glue has said so.
	add(t, c, days(0, 4), 0)
	wantCalls(t, server, "BatchCreatePartition", 1)
	add(t, c, days(0, 4), 0)
	wantCalls(t, server, "", 1)

	// And only the unknown ones are sent.
	server.ResetCalls()
	add(t, c, days(0, 6), 2)
	if sizes := batches(t, server, "BatchCreatePartition"); !slices.Equal(sizes, []int{2}) {
		t.Errorf("sends %d partitions", sizes)
	}
	wantCalls(t, server, "", 1)
}

func TestBatches(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true})
	add(t, c, slices.Concat(days(0, 250), days(0, 250)), 250)
	if sizes := batches(t, server, "BatchCreatePartition"); !slices.Equal(sizes, []int{100, 100, 50}) {
		t.Errorf("creates in batches of %d", sizes)
	}
	server.ResetCalls()
	wantListed(t, c, days(0, 250))
	wantCalls(t, server, "GetPartitions", 1)
	if request := string(server.Requests("GetPartitions")[0]); !strings.Contains(request, `"MaxResults":1000`) || !strings.Contains(request, `"ExcludeColumnSchema":true`) {
		t.Errorf("asks for partitions with %s", request)
	}
	removed, err := c.RemovePartitions(t.Context(), table(), slices.Concat(days(190, 65), days(190, 65)))
	if removed != 60 || err != nil {
		t.Errorf("RemovePartitions gives %d, %v", removed, err)
	}
	if sizes := batches(t, server, "BatchDeletePartition"); !slices.Equal(sizes, []int{25, 25, 15}) {
		t.Errorf("deletes in batches of %d", sizes)
	}
	wantRegistered(t, server, days(0, 190))
	wantCalls(t, server, "", 4)
}

// batches gives the number of partitions in each request of that operation.
func batches(t *testing.T, server *gluetest.Server, op string) []int {
	t.Helper()
	var sizes []int
	for _, body := range server.Requests(op) {
		var in struct{ PartitionInputList, PartitionsToDelete []struct{ Values []string } }
		if err := json.Unmarshal(body, &in); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(in.PartitionInputList)+len(in.PartitionsToDelete))
	}
	return sizes
}

// TestStorageDescriptor has a table that somebody registered with more than the declaration says.
func TestStorageDescriptor(t *testing.T) {
	server := start(t)
	input := gluecatalog.TableInput(table(), lakeURL)
	input.StorageDescriptor.Columns[0].Comment = aws.String("their own words")
	input.StorageDescriptor.Parameters = map[string]string{"theirs": "yes"}
	input.StorageDescriptor.Compressed = true
	createTable(t, server, input)
	add(t, open(t, server, gluecatalog.Options{}), days(0, 2), 2)

	var request struct {
		TableInput struct{ StorageDescriptor map[string]any }
	}
	if err := json.Unmarshal(server.Requests("CreateTable")[0], &request); err != nil {
		t.Fatal(err)
	}
	want := request.TableInput.StorageDescriptor
	for i, p := range server.Partitions(database, table().Name) {
		want["Location"] = lakeURL + "/" + days(i, 1)[0].Location
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := ordered(t, p.StorageDescriptor); string(got) != string(text) {
			t.Errorf("partition %q has\n%s\nwant\n%s", p.Values, got, text)
		}
	}
}

// TestMaxAge has somebody drop a partition, which comes back within the hour, and not before.
func TestMaxAge(t *testing.T) {
	for _, o := range []gluecatalog.Options{{Create: true}, {Create: true, MaxAge: time.Minute}} {
		server := start(t)
		clock := newClock()
		c := open(t, server, o).Impatient(clock.now)
		age := o.MaxAge
		if age == 0 {
			age = time.Hour
		}
		add(t, c, days(0, 2), 2)
		clock.move(age / 2)
		add(t, c, days(0, 3), 1)
		server.DropPartition(database, table().Name, days(0, 1)[0].Values...)
		server.ResetCalls()
		clock.move(age/2 - 1)
		add(t, c, days(0, 3), 0)
		wantCalls(t, server, "", 0)

		clock.move(1)
		add(t, c, days(0, 3), 1)
		wantCalls(t, server, "GetTable", 1)
		wantCalls(t, server, "", 2)
		if sizes := batches(t, server, "BatchCreatePartition"); !slices.Equal(sizes, []int{2}) {
			t.Errorf("%s: sends %d partitions, want those that are too old", age, sizes)
		}
		wantRegistered(t, server, days(0, 3))
		add(t, c, days(0, 3), 0)
		wantCalls(t, server, "", 2)

		// The third is an hour old while the table is not.
		clock.move(age / 2)
		add(t, c, days(0, 3), 0)
		wantCalls(t, server, "", 3)

		// A clock that was set back has nothing recent.
		clock.move(-10 * age)
		add(t, c, days(0, 3), 0)
		wantCalls(t, server, "", 5)
	}
}

// TestDroppedTable has somebody drop the table, and perhaps create it anew.
func TestDroppedTable(t *testing.T) {
	t.Run("created again by the next call", func(t *testing.T) {
		server := start(t)
		c := open(t, server, gluecatalog.Options{Create: true})
		add(t, c, days(0, 2), 2)
		server.DropTable(database, table().Name)
		add(t, c, days(0, 3), 3)
		wantRegistered(t, server, days(0, 3))
	})
	t.Run("missing", func(t *testing.T) {
		server := start(t)
		add(t, open(t, server, gluecatalog.Options{Create: true}), days(0, 1), 1)
		c := open(t, server, gluecatalog.Options{})
		add(t, c, days(0, 2), 1)
		server.DropTable(database, table().Name)
		_, err := c.AddPartitions(t.Context(), table(), days(0, 3))
		wantNoTable(t, err)
		_, err = c.AddPartitions(t.Context(), table(), days(0, 1))
		wantNoTable(t, err)
	})
	t.Run("noticed by any call", func(t *testing.T) {
		server := start(t)
		for name, call := range map[string]func(*gluecatalog.Catalog) error{
			"EnsureTable": func(c *gluecatalog.Catalog) error { return c.EnsureTable(t.Context(), table()) },
			"Partitions":  func(c *gluecatalog.Catalog) error { _, err := c.Partitions(t.Context(), table()); return err },
			"RemovePartitions": func(c *gluecatalog.Catalog) error {
				_, err := c.RemovePartitions(t.Context(), table(), days(5, 1))
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				add(t, open(t, server, gluecatalog.Options{Create: true}), days(0, 1), 1)
				c := open(t, server, gluecatalog.Options{})
				add(t, c, days(0, 1), 0)
				server.DropTable(database, table().Name)
				wantNoTable(t, call(c))
				_, err := c.AddPartitions(t.Context(), table(), days(0, 1))
				wantNoTable(t, err)
			})
		}
	})
	t.Run("another within the hour", func(t *testing.T) {
		server := start(t)
		clock := newClock()
		c := open(t, server, gluecatalog.Options{Create: true}).Impatient(clock.now)
		add(t, c, days(0, 1), 1)
		clock.move(time.Hour - 1)
		add(t, c, days(1, 1), 1)
		server.DropTable(database, table().Name)
		createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
		clock.move(1)
		add(t, c, days(0, 2), 2)
	})
}

// TestOneRequestForAll has many goroutines register the same new partition at the same time.
func TestOneRequestForAll(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true})
	if err := c.EnsureTable(t.Context(), table()); err != nil {
		t.Fatal(err)
	}
	server.ResetCalls()
	begun := make(chan struct{})
	server.SetHook(func(op string, when gluetest.When) *gluetest.Fault {
		if when == gluetest.Before {
			<-begun
		}
		return nil
	})
	const goroutines = 20
	var wg sync.WaitGroup
	var sum, ready atomic.Int64
	for range goroutines {
		wg.Go(func() {
			if ready.Add(1) == goroutines {
				close(begun)
			}
			added, err := c.AddPartitions(t.Context(), table(), days(0, 2))
			if err != nil {
				t.Error(err)
			}
			sum.Add(int64(added))
		})
	}
	wg.Wait()
	wantCalls(t, server, "BatchCreatePartition", 1)
	wantCalls(t, server, "", 1)
	if sum.Load() != 2 {
		t.Errorf("all calls together added %d", sum.Load())
	}
}

// TestWaitingEnds has a call wait for another one, which hangs, until its own context ends.
func TestWaitingEnds(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true})
	add(t, c, days(0, 1), 1)
	hangs := make(chan struct{})
	var once sync.Once
	server.SetHook(func(op string, when gluetest.When) *gluetest.Fault {
		once.Do(func() { close(hangs) })
		return gluetest.Silent()
	})
	first, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.AddPartitions(first, table(), days(1, 1))
		ended <- err
	}()
	<-hangs
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, add := c.AddPartitions(ctx, table(), days(1, 1))
	_, remove := c.RemovePartitions(ctx, table(), days(1, 1))
	for _, err := range []error{add, remove, c.EnsureTable(ctx, table())} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call that waits gives %v", err)
		}
	}
	// What is known waits for nobody, nor do other tables.
	if _, err := c.AddPartitions(t.Context(), table(), days(0, 1)); err != nil {
		t.Error(err)
	}
	server.SetHook(nil)
	rejects := table().Rejects()
	if _, err := c.AddPartitions(t.Context(), rejects, []schema.Partition{rejects.Partition(schema.NoDay)}); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call that hung gives %v", err)
	}
}

// TestAddWhileRemoving adds a partition that is known while it is being removed: it is registered in
// the end, or the one who added it was told wrong.
func TestAddWhileRemoving(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true})
	add(t, c, days(0, 1), 1)
	added := make(chan error, 1)
	server.SetHook(func(op string, when gluetest.When) *gluetest.Fault {
		if op != "BatchDeletePartition" || when != gluetest.Before {
			return nil
		}
		done := make(chan struct{})
		go func() {
			_, err := c.AddPartitions(t.Context(), table(), days(0, 1))
			added <- err
			close(done)
		}()
		select {
		case <-done: // wrong, but then found below
		case <-time.After(20 * time.Millisecond):
		}
		return nil
	})
	if removed, err := c.RemovePartitions(t.Context(), table(), days(0, 1)); removed != 1 || err != nil {
		t.Errorf("RemovePartitions gives %d, %v", removed, err)
	}
	if err := <-added; err != nil {
		t.Error(err)
	}
	wantRegistered(t, server, days(0, 1))
}

// TestForeignPartitions has partitions that others registered.
func TestForeignPartitions(t *testing.T) {
	for name, test := range map[string]struct {
		location string
		keys     int    // of the table
		want     string // part of the error; "" if it is in the lake
	}{
		"without a slash":   {lakeURL + "/elsewhere/2024", 3, ""},
		"outside":           {"s3://flow-logs/AWSLogs/2024/", 3, "s3://flow-logs/AWSLogs/2024/"},
		"a prefix by name":  {lakeURL + "-2/aga_flow_logs/", 3, lakeURL + "-2/aga_flow_logs/"},
		"the lake itself":   {lakeURL + "/", 3, "not in the lake"},
		"no location":       {"", 3, "not in the lake"},
		"too few values":    {lakeURL + "/aga_flow_logs/2024/", 1, "1 values, want 3"},
		"too many a values": {lakeURL + "/aga_flow_logs/2024/", 4, "4 values, want 3"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			input := gluecatalog.TableInput(table(), lakeURL)
			input.PartitionKeys = append(input.PartitionKeys, input.PartitionKeys...)[:test.keys]
			createTable(t, server, input)
			values := []string{"2024", "a", "b", "c"}[:test.keys]
			createPartition(t, server, values, test.location)
			c := open(t, server, gluecatalog.Options{})
			got, err := c.Partitions(t.Context(), table())
			if test.want != "" {
				wantError(t, err, false, test.want, table().Name, values[0])
			} else if err != nil || len(got) != 1 || got[0].Location != "elsewhere/2024/" {
				t.Errorf("Partitions gives %v, %v", got, err)
			}
		})
	}
}
