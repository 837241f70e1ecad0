package verify

import (
	"os"
	"path/filepath"
	"testing"
)

func TestScope(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"logs/2026/a b", "logs/2027"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("logs", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	file := func(name string) string {
		u, err := fileURL(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, test := range []struct {
		source, url string
		want        bool
	}{
		{"s3://b/logs", "s3://b/logs/x.log.gz", true},
		{"s3://b/logs/", "s3://b/logs/x.log.gz", true},
		{"s3://b/logs", "s3://b/logs", true},
		{"s3://b/logs", "s3://b/logs-old/x.log.gz", false},
		{"s3://b", "s3://b/x.log.gz", true},
		{"s3://b", "s3://bb/x.log.gz", false},
		{"s3://b/logs", "file:///b/logs/x.log.gz", false},
		{"logs", file("logs/x.log.gz"), true},
		{"./logs/../logs/", file("logs/2026/a b/x.log.gz"), true},
		{"logs", file("logs-old/x.log.gz"), false},
		{"link", file("logs/x.log.gz"), true},
		{".", file("x.log.gz"), true},
		{"/", file("x.log.gz"), true},
		{"gone.log.gz", file("gone.log.gz"), true},
		{"logs/*", file("logs/2028/x.log.gz"), true},
		{"link/20?6", file("logs/2026/x/y.log.gz"), true},
		{"logs/*/a*", file("logs/2028/a b/x.log.gz"), true},
		{"logs/*/a*", file("logs/2028/b/x.log.gz"), false},
		{"logs/*/*", file("logs/2028"), false},
		{"logs/*", "s3://logs/2028", false},
	} {
		holds, err := Scope([]string{"s3://other/x", test.source})
		if err != nil {
			t.Fatal(err)
		}
		if got := holds(test.url); got != test.want {
			t.Errorf("%q holds %s: %v, want %v", test.source, test.url, got, test.want)
		}
	}
}
