package gluecatalog_test

import (
	"errors"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
)

// TestThrottled has Glue fail a request, or a partition within one, in each of the ways that mean it
// was asked too often, and in others.
func TestThrottled(t *testing.T) {
	item := func(code string) func() *gluetest.Fault {
		return func() *gluetest.Fault {
			return gluetest.Items(code, "No.", func(values []string) bool { return values[2] == "02" })
		}
	}
	for name, test := range map[string]struct {
		fault func() *gluetest.Fault
		want  bool
	}{
		"throttled":           {gluetest.Throttled, true},
		"too many":            {func() *gluetest.Fault { return gluetest.Answer(400, "TooManyRequestsException", "Slower.") }, true},
		"limit of requests":   {func() *gluetest.Fault { return gluetest.Answer(400, "RequestLimitExceeded", "Slower.") }, true},
		"unavailable":         {func() *gluetest.Fault { return gluetest.Answer(503, "ServiceUnavailable", "Later.") }, true},
		"internal":            {gluetest.Internal, false},
		"denied":              {gluetest.Denied, false},
		"no answer":           {gluetest.Dropped, false},
		"throttled partition": {item("ThrottlingException"), true},
		"broken partition":    {item("InternalServiceException"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := against(t, server, name)
			hook, _ := failing("BatchCreatePartition", gluetest.Before, -1, test.fault)
			server.SetHook(hook)
			_, err := c.AddPartitions(t.Context(), table(), days(0, 3))
			var e *gluecatalog.Error
			if !errors.As(err, &e) || e.Throttled() != test.want {
				t.Errorf("want throttled %t, have %v", test.want, err)
			}
		})
	}
}
