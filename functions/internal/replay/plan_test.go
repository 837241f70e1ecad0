package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

func TestPlan(t *testing.T) {
	source := new(storetest.Memory)
	var l list
	for i, key := range []string{
		logKey("2026/01/09", "20260109T0000Z"), logKey("2026/01/09", "20260109T0005Z"), logKey("2026/01/11", "20260111T0000Z"),
		strings.ReplaceAll(logKey("2026/01/10", "20260110T0000Z"), "us-west-2", "eu-west-1"),
		strings.ReplaceAll(logKey("2026/01/12", "20260112T0000Z"), "123456789012", "123456789013"),
		"renamed.log.gz", "notes.txt", logKey("2026/01/09", "20260109T0010Z"), logKey("2026/01/09", "20260109T0015Z"),
		logKey("2025/01/09", "20250109T0015Z"), "x/123456789012_vpcflowlogs_us-east-1_fl-1_20230221T1305Z_2e13fabb.log.gz", "other.txt",
	} {
		l = append(l, Object{Source: source, Key: key, Size: int64(1000 << i)})
	}
	l[7].Size = 0
	c := converter(func(context.Context, string) (etl.Result, error) { return etl.Result{}, nil })
	cfg := config(2)
	cfg.Limits.ObjectsPerSecond = 1e-9
	cfg.Select = Selection{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg.Begin = func(context.Context) error {
		t.Error("the plan begins")
		return nil
	}
	path := filepath.Join(t.TempDir(), "journal")
	cfg.Journal = open(t, path)
	if err := errors.Join(cfg.Journal.Add(&Outcome{Object: l[0], URL: l[0].URL()}), cfg.Journal.Close()); err != nil {
		t.Fatal(err)
	}
	cfg.Journal = open(t, path)
	cfg.Existing = existing(func(o Object, about schema.Source) (Tally, bool, error) {
		if o.Key == l[8].Key {
			return Tally{}, false, lasting{}
		}
		return Tally{}, o.Key == l[1].Key, nil
	})
	rates := Rates{BytesPerSecond: 1e3}
	p, err := MakePlan(t.Context(), l, cfg, rates)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
 "found": {
  "objects": 11,
  "gzip_bytes": 3455000
 },
 "outside_selection": 1,
 "to_convert": {
  "objects": 3,
  "gzip_bytes": 28000
 },
 "already_converted": {
  "objects": 2,
  "gzip_bytes": 3000
 },
 "skipped": [
  {
   "reason": "name does not end in .log.gz",
   "objects": 2
  },
  {
   "reason": "empty object (0 bytes)",
   "objects": 1
  },
  {
   "reason": "key tells no time, which is selected by",
   "objects": 1
  },
  {
   "reason": "log of another service: vpcflowlogs",
   "objects": 1
  }
 ],
 "failed": 1,
 "failures": [
  {
   "url": "s3://memory/AWSLogs/123456789012/globalaccelerator/us-west-2/2026/01/09/123456789012_globalaccelerator_f0154cf1_20260109T0015Z_2e13fabb.log.gz",
   "error": "look for outputs of s3://memory/AWSLogs/123456789012/globalaccelerator/us-west-2/2026/01/09/123456789012_globalaccelerator_f0154cf1_20260109T0015Z_2e13fabb.log.gz: lasting"
  }
 ],
 "first_day": "2026-01-10",
 "last_day": "2026-01-12",
 "days": 3,
 "undated": 0,
 "partitions": 3,
 "accounts": [
  {
   "name": "123456789012",
   "objects": 2,
   "gzip_bytes": 12000
  },
  {
   "name": "123456789013",
   "objects": 1,
   "gzip_bytes": 16000
  }
 ],
 "regions": [
  {
   "name": "eu-west-1",
   "objects": 1,
   "gzip_bytes": 8000
  },
  {
   "name": "us-west-2",
   "objects": 2,
   "gzip_bytes": 20000
  }
 ],
 "resources": [
  {
   "name": "f0154cf1",
   "objects": 3,
   "gzip_bytes": 28000
  }
 ],
 "estimated_output_bytes": 28920,
 "estimated_seconds": 28,
 "rates": {
  "output_ratio": 0.39,
  "output_bytes_per_object": 6000,
  "gzip_bytes_per_second": 1000,
  "objects_per_second": 0
 }
}`
	if string(got) != want {
		t.Errorf("the plan is\n%s", got)
	}
	// It changed nothing: the run finds the same.
	cfg.Journal.Close()
	cfg.Journal = open(t, path)
	cfg.Begin, cfg.Limits.ObjectsPerSecond = nil, 0
	s, err := Run(t.Context(), l, c, cfg)
	if err != nil || s.Converted+s.Skipped[emptyObject] != p.Convert.Objects+1 || s.Before != p.Before.Objects || s.Failed != p.Failed || s.Outside != p.Outside || s.Objects != p.Found.Objects {
		t.Errorf("summary %+v, error %v", s, err)
	}
}

// The words are those of the conversion.
func TestPlanSkipsEmptyObjectsAsTheConversionDoes(t *testing.T) {
	c, err := etl.New(etl.Config{Table: schema.GlobalAccelerator()}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	source := new(storetest.Memory)
	source.Put("empty.log.gz", nil)
	res, err := c.Convert(t.Context(), source, "empty.log.gz")
	if err != nil || res.Skipped != emptyObject {
		t.Errorf("skipped as %q, error %v", res.Skipped, err)
	}
}

func TestPlanIsBounded(t *testing.T) {
	source := new(storetest.Memory)
	var l list
	for i := range maxGroups + 2 {
		l = append(l, Object{Source: source, Key: fmt.Sprintf("123456789012_globalaccelerator_%d_20260109T0000Z_2e13fabb.log.gz", i), Size: 1})
	}
	p, err := MakePlan(t.Context(), l, config(1), Rates{ObjectsPerSecond: 2})
	if err != nil || p.Resources != nil || len(p.Accounts) != 1 || p.Accounts[0].Objects != len(l) || p.Days != 1 || p.Seconds != float64(len(l))/2 {
		t.Errorf("%+v, error %v", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := MakePlan(ctx, l, config(1), Rates{}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted, it gives %v", err)
	}
}
