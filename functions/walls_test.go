// Package functions_test holds the walls between packages that the design lays down: who may import
// what, and who may touch the process.
package functions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flowlake/flowlake/"

// internal lists what each package may import of this module. A package that is missing here fails
// the test: say where it belongs before adding it.
var internal = map[string][]string{
	"schema":                                   nil,
	"deploy/queries":                           nil,
	"deploy/templatetest":                      nil,
	"functions/internal/batch":                 {"schema"},
	"functions/internal/store":                 nil,
	"functions/internal/synth":                 nil,
	"functions/internal/inflate":               nil,
	"functions/internal/flowlog":               {"schema", "functions/internal/batch", "functions/internal/inflate"},
	"functions/internal/columnar":              {"schema", "functions/internal/batch"},
	"functions/internal/catalog":               {"schema", "functions/internal/store"},
	"functions/internal/etl":                   {"schema", "functions/internal/batch", "functions/internal/store", "functions/internal/flowlog", "functions/internal/columnar"},
	"functions/internal/replay":                {"schema", "functions/internal/store", "functions/internal/etl"},
	"functions/internal/verify":                {"schema", "functions/internal/store", "functions/internal/columnar", "functions/internal/catalog"}, // not etl, flowlog or inflate, which it checks
	"functions/internal/query":                 {"schema", "functions/internal/store", "functions/internal/catalog"},
	"functions/internal/query/format":          {"functions/internal/query"},
	"functions/internal/report":                {"schema", "functions/internal/store", "functions/internal/query", "functions/internal/query/format"},
	"functions/internal/serve":                 {"deploy/queries", "functions/internal/query", "functions/internal/query/format"},
	"functions/internal/store/s3store":         {"functions/internal/store"},
	"functions/internal/catalog/gluecatalog":   {"schema", "functions/internal/catalog"},
	"functions/internal/event":                 nil,
	"functions/internal/failed":                {"functions/internal/event"},
	"functions/internal/deadletter":            {"functions/internal/event"},
	"functions/internal/stepfunctions":         nil,
	"functions/internal/mirror":                {"functions/internal/store"},
	"functions/internal/store/storetest":       {"functions/internal/store"},
	"functions/internal/catalog/catalogtest":   {"schema", "functions/internal/catalog"},
	"functions/internal/columnar/columnartest": nil,
	"functions/internal/mototest":              nil,

	"functions/internal/catalog/gluecatalog/gluetest": nil,
	// mains
	"functions/convert":  {"*"},
	"functions/flowlake": {"*"},
	"functions/bench":    {"*"},
}

// external lists the packages that may import the modules that the walls are about, by the beginning
// of their paths.
var external = map[string][]string{
	"github.com/parquet-go/": {"functions/internal/columnar", "functions/internal/columnar/columnartest", "functions/bench"},
	"github.com/duckdb/":     {"functions/internal/query", "functions/bench"},
	"github.com/spf13/":      {"functions/flowlake"},

	// Those who talk to AWS, and the mains that build their clients.
	"github.com/aws/aws-sdk-go-v2": {"functions/internal/store/s3store", "functions/internal/catalog/gluecatalog",
		"functions/internal/deadletter", "functions/internal/stepfunctions", "functions/convert", "functions/flowlake"},
	"github.com/aws/aws-sdk-go-v2/config": {"functions/convert", "functions/flowlake"}, // it reads the environment
	"github.com/aws/smithy-go": {"functions/internal/store/s3store", "functions/internal/catalog/gluecatalog",
		"functions/internal/deadletter", "functions/internal/stepfunctions"},
	"github.com/aws/aws-lambda-go": {"functions/convert"},
}

type pkg struct {
	path    string // within the module
	main    bool
	dir     string
	imports []string
	files   []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}|{{.Name}}|{{.Dir}}|{{join .Imports " "}}|{{join .GoFiles " "}} {{join .CgoFiles " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if strings.TrimSpace(f[4]) == "" {
			continue // tests only
		}
		all = append(all, pkg{strings.TrimPrefix(f[0], module), f[1] == "main", f[2], strings.Fields(f[3]), strings.Fields(f[4])})
	}
	if len(all) < 10 {
		t.Fatalf("found %d packages", len(all))
	}
	return all
}

func TestWallsBetweenPackages(t *testing.T) {
	for _, p := range packages(t) {
		allowed, known := internal[p.path]
		if !known {
			t.Errorf("%s is not among the packages of the walls", p.path)
		}
		for _, i := range p.imports {
			if own, ok := strings.CutPrefix(i, module); ok {
				if !slices.Contains(allowed, own) && !slices.Contains(allowed, "*") {
					t.Errorf("%s imports %s", p.path, own)
				}
				if _, main := strings.CutPrefix(own, "functions/internal/"); !main && own != "schema" && !strings.HasPrefix(own, "deploy/") {
					t.Errorf("%s imports the main %s", p.path, own)
				}
				continue
			}
			for prefix, users := range external {
				if strings.HasPrefix(i, prefix) && !slices.Contains(users, p.path) {
					t.Errorf("%s imports %s", p.path, i)
				}
			}
			if p.path == "schema" && strings.Contains(i, ".") {
				t.Errorf("schema imports %s, which is not in the standard library", i)
			}
		}
	}
}

// Only mains read the environment or flags, or end the process; nobody has an init function.
func TestWallsAroundTheProcess(t *testing.T) {
	forbidden := map[string][]string{
		"os":  {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Exit", "Args", "Stdin", "Stdout", "Stderr"},
		"log": nil, // any use
	}
	for _, p := range packages(t) {
		for _, name := range p.files {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, p.dir+"/"+name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if !p.main && slices.Contains(p.imports, "flag") {
				t.Errorf("%s reads flags", p.path)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Name.Name == "init" && n.Recv == nil {
						t.Errorf("%s: %s has an init function", p.path, name)
					}
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if !ok || p.main {
						break
					}
					names, listed := forbidden[x.Name]
					if listed && (names == nil || slices.Contains(names, n.Sel.Name)) {
						t.Errorf("%s: %s uses %s.%s", p.path, fset.Position(n.Pos()), x.Name, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// The packages that the Lambdas need build without cgo.
func TestWallsLambdaBuildsWithoutCgo(t *testing.T) {
	for _, path := range []string{"functions/internal/etl", "functions/internal/store/s3store", "functions/internal/catalog/gluecatalog",
		"functions/internal/event", "functions/convert"} {
		cmd := exec.Command("go", "list", "-deps", "-f", `{{if .CgoFiles}}{{if not .Standard}}{{.ImportPath}}{{end}}{{end}}`, module+path)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.TrimSpace(string(out)); s != "" {
			t.Errorf("%s depends on cgo through %s", path, s)
		}
	}
}
