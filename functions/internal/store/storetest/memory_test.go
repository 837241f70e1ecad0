package storetest_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return new(storetest.Memory) })
}

// TestHook fails each call in turn, before and after it took effect, and looks at what is left.
func TestHook(t *testing.T) {
	broken := &store.Error{Op: "hook", Err: errors.New("broken"), Permanent: true}
	for _, op := range []string{"create", "write", "commit", "open", "read", "list", "delete"} {
		for _, when := range []storetest.When{storetest.Before, storetest.After} {
			m := &storetest.Memory{Hook: func(o, key string, w storetest.When) error {
				if o == op && w == when {
					return broken
				}
				return nil
			}}
			failed, err := journey(m)
			if failed != op {
				t.Errorf("%s fails, want %s", failed, op)
			}
			var e *store.Error
			if !errors.As(err, &e) || e != broken || !strings.Contains(err.Error(), op) {
				t.Errorf("%s gives %v, want the hook's error with the call", op, err)
			}
			var want []string
			switch op {
			case "commit", "delete":
				if (op == "commit") == (when == storetest.After) {
					want = []string{"a"}
				}
			case "open", "read", "list":
				want = []string{"a"}
			}
			if got := m.Keys(); !slices.Equal(got, want) {
				t.Errorf("%s failed at %d leaves %q, want %q", op, when, got, want)
			}
		}
	}
}

// journey makes every call once and names the one that failed.
func journey(m *storetest.Memory) (string, error) {
	ctx := context.Background()
	w, err := m.Create(ctx, "a")
	if err != nil {
		return "create", err
	}
	if _, err := io.WriteString(w, "data"); err != nil {
		if err2 := w.Commit(ctx); !errors.Is(err2, err) {
			return "commit", err2
		}
		return "write", err
	}
	if err := w.Commit(ctx); err != nil {
		return "commit", err
	}
	r, _, err := m.Open(ctx, "a")
	if err != nil {
		return "open", err
	}
	if _, err := io.ReadAll(r); err != nil {
		return "read", err
	}
	if err := m.List(ctx, "", func(store.Object) error { return nil }); err != nil {
		return "list", err
	}
	return "delete", m.Delete(ctx, "a")
}
