package world

import (
	"context"
	"maps"
	"strings"
	"testing"
)

// Contents is what a lake holds: its objects, and the locations of its registered partitions, both
// relative to the lake.
type Contents struct {
	Objects    map[string][32]byte
	Partitions map[string]bool
}

// Contents gives what the lake holds now.
func (s *Stage) Contents(ctx context.Context) (Contents, error) {
	objects, err := s.Objects(ctx, s.Name+"/")
	return Contents{objects, s.Partitions()}, err
}

// Partitions gives the locations of the registered partitions, relative to the lake.
func (s *Stage) Partitions() map[string]bool {
	locations := map[string]bool{}
	for _, table := range Tables() {
		for _, p := range s.Glue.Partitions(s.Name, table.Name) {
			locations[strings.TrimPrefix(p.Location, "s3://"+LakeBucket+"/"+s.Name+"/")] = true
		}
	}
	return locations
}

// WantContents checks that the lake holds what another one does: same keys, same bytes, same
// partitions.
func (s *Stage) WantContents(t testing.TB, want Contents) {
	t.Helper()
	got, err := s.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.Objects, want.Objects) {
		t.Errorf("%s: the lake holds %d objects, want %d, or others", s.Name, len(got.Objects), len(want.Objects))
	}
	if !maps.Equal(got.Partitions, want.Partitions) {
		t.Errorf("%s: %d partitions are registered, want %d, or others", s.Name, len(got.Partitions), len(want.Partitions))
	}
}

// Reference gives what `flowlake replay` makes of the logs below a prefix, in a lake of its own.
func (w *World) Reference(t testing.TB, prefix string) Contents {
	t.Helper()
	s := w.NewStage(t, "reference-"+strings.ReplaceAll(strings.ToLower(strings.Trim(prefix, "/")), "/", "-"))
	s.Flowlake(t, "replay", "s3://"+LogBucket+"/"+prefix, "--lake", "s3://"+LakeBucket+"/"+s.Name, "--database", s.Name)
	c, err := s.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
