package main

import (
	"go/types"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// What of AWS the code can call is found in its source, and not in the binary: the linker keeps every
// method of a client, because something may call it by reflection. Of the packages that are not ours only
// the types are loaded, which takes seconds, where a call graph of the whole program takes half a minute
// and 2 GB. So it has to hold that they do not call services by themselves, which TestCalls checks, too.

// The paths of this module's packages and of the SDK's service clients begin so.
const (
	ownPath     = "github.com/flowlake/flowlake/"
	servicePath = "github.com/aws/aws-sdk-go-v2/service/"
)

// call is a call of AWS: the service's package and the operation, such as s3 GetObject.
type call struct{ service, operation string }

// permitted is a line of testdata/calls.txt.
type permitted struct {
	action string
	// granted says that the function's role has the action for this call.
	granted bool
}

func readCalls(t *testing.T) map[call]permitted {
	t.Helper()
	text, err := os.ReadFile("testdata/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[call]permitted{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) < 3 || strings.HasPrefix(fields[2], "(") != (len(fields) > 3) {
			t.Fatalf("testdata/calls.txt: %q is no call and its action, in brackets with a reason", line)
		}
		action := strings.Trim(fields[2], "()")
		calls[call{fields[0], fields[1]}] = permitted{action, action == fields[2]}
	}
	return calls
}

// program is the packages of the function that are this module's, main first.
type program struct {
	*ssa.Program
	own []*ssa.Package
	// source is that of the same packages.
	source []*packages.Package
	// interfaces are those that other packages declare.
	interfaces []*types.Interface
}

// loadProgram loads the function. All it imports is in imports, by path.
func loadProgram(t *testing.T) (p *program, imports map[string]*packages.Package) {
	t.Helper()
	load := func(mode packages.LoadMode, paths ...string) []*packages.Package {
		loaded, err := packages.Load(&packages.Config{Mode: mode | packages.NeedName}, paths...)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range loaded {
			for _, err := range l.Errors {
				t.Fatal(err)
			}
		}
		return loaded
	}
	imports = map[string]*packages.Package{}
	paths := []string{ownPath + "functions/convert"}
	packages.Visit(load(packages.NeedImports|packages.NeedDeps, paths...), nil, func(l *packages.Package) {
		imports[l.PkgPath] = l
		if strings.HasPrefix(l.PkgPath, ownPath) && l.PkgPath != paths[0] {
			paths = append(paths, l.PkgPath)
		}
	})
	p = &program{source: load(packages.LoadSyntax, paths...)}
	slices.SortFunc(p.source, func(a, b *packages.Package) int {
		return slices.Index(paths, a.PkgPath) - slices.Index(paths, b.PkgPath)
	})
	p.Program, p.own = ssautil.Packages(p.source, ssa.InstantiateGenerics)
	p.Build()
	for _, other := range p.AllPackages() {
		if slices.Contains(p.own, other) {
			continue
		}
		scope := other.Pkg.Scope()
		for _, name := range scope.Names() {
			if n, ok := scope.Lookup(name).(*types.TypeName); ok && types.IsInterface(n.Type()) {
				p.interfaces = append(p.interfaces, n.Type().Underlying().(*types.Interface))
			}
		}
	}
	return p, imports
}

// reach finds what may run of a program: every function that is mentioned by one that may run, whether
// it is called there or handed on. A method that is called through an interface may run for every type
// of which a value becomes an interface; and so may one with which such a type implements an interface
// that another package declares, as that may call it unseen. Conditions are not looked at, so it finds
// too much rather than too little. It does not see calls that other packages make by reflection or by
// interfaces without a name, as package errors does.
type reach struct {
	*program
	t       *testing.T
	seen    map[*ssa.Function]bool
	pending []*ssa.Function
	made    map[types.Type]bool
	invoked map[*types.Func]*types.Interface
	calls   map[call]bool
}

// find gives the calls of AWS that are made from some functions on.
func (p *program) find(t *testing.T, roots []*ssa.Function) map[call]bool {
	r := &reach{p, t, map[*ssa.Function]bool{}, roots, map[types.Type]bool{}, map[*types.Func]*types.Interface{}, map[call]bool{}}
	for len(r.pending) > 0 {
		f := r.pending[0]
		r.pending = r.pending[1:]
		if r.seen[f] {
			continue
		}
		r.seen[f] = true
		if service := receiver(f); service != "" && f.Object().Exported() && f.Name() != "Options" {
			r.calls[call{service, f.Name()}] = true
		}
		for _, block := range f.Blocks {
			for _, instruction := range block.Instrs {
				r.look(instruction)
			}
		}
	}
	return r.calls
}

func (r *reach) look(instruction ssa.Instruction) {
	for _, operand := range instruction.Operands(nil) {
		if f, ok := (*operand).(*ssa.Function); ok {
			r.pending = append(r.pending, f)
		}
	}
	if c, ok := instruction.(ssa.CallInstruction); ok {
		if c.Common().IsInvoke() {
			r.invoke(c.Common().Method, c.Common().Value.Type().Underlying().(*types.Interface))
		}
		if f := c.Common().StaticCallee(); f != nil && f.Blocks == nil && receiver(f) == "" {
			for _, argument := range c.Common().Args {
				if service := clientOf(argument.Type()); service != "" {
					r.t.Errorf("a client of %s is handed on to %v, and what that calls is not known", service, f)
				}
			}
		}
	}
	if m, ok := instruction.(*ssa.MakeInterface); ok {
		if service := clientOf(m.X.Type()); service != "" {
			r.handOn(service, m.Type().Underlying().(*types.Interface))
			return
		}
		r.make(m.X.Type())
	}
}

// handOn counts what the SDK may call of a client that it is given as an interface, as its paginators
// are.
func (r *reach) handOn(service string, as *types.Interface) {
	if as.NumMethods() == 0 {
		r.t.Errorf("a client of %s is handed on as a value of any type, and what is called of it is not known", service)
	}
	for m := range as.Methods() {
		r.calls[call{service, m.Name()}] = true
	}
}

// invoke notes the call of a method of an interface.
func (r *reach) invoke(method *types.Func, of *types.Interface) {
	if r.invoked[method] != nil {
		return
	}
	r.invoked[method] = of
	for t := range r.made {
		r.run(t, of, method)
	}
}

// make notes that a value of a type becomes an interface.
func (r *reach) make(t types.Type) {
	if r.made[t] {
		return
	}
	r.made[t] = true
	for method, of := range r.invoked {
		r.run(t, of, method)
	}
	for _, i := range r.interfaces {
		for method := range i.Methods() {
			r.run(t, i, method)
		}
	}
}

// run notes that a method runs, if the type has it as the interface wants it.
func (r *reach) run(t types.Type, of *types.Interface, method *types.Func) {
	if !types.Implements(t, of) {
		return
	}
	if selection := r.MethodSets.MethodSet(t).Lookup(method.Pkg(), method.Name()); selection != nil {
		if f := r.MethodValue(selection); f != nil {
			r.pending = append(r.pending, f)
		}
	}
}

// receiver gives the service whose client a function is a method of, or "".
func receiver(f *ssa.Function) string {
	if f.Signature.Recv() == nil {
		return ""
	}
	return clientOf(f.Signature.Recv().Type())
}

// clientOf gives the service that a type is the client of, or "".
func clientOf(t types.Type) string {
	pointer, ok := t.(*types.Pointer)
	if !ok {
		return ""
	}
	named, ok := pointer.Elem().(*types.Named)
	if !ok || named.Obj().Name() != "Client" || named.Obj().Pkg() == nil {
		return ""
	}
	return serviceOf(named.Obj().Pkg().Path())
}

// serviceOf gives the service that a package is the client of, or "".
func serviceOf(path string) string {
	service, ok := strings.CutPrefix(path, servicePath)
	if !ok || strings.Contains(service, "/") {
		return ""
	}
	return service
}

// TestCalls holds that testdata/calls.txt has the calls of AWS that the function can make.
func TestCalls(t *testing.T) {
	p, imports := loadProgram(t)
	wantCallers(t, imports)
	roots := []*ssa.Function{p.own[0].Func("main")}
	for _, own := range p.own {
		roots = append(roots, own.Func("init"))
	}
	got, want := p.find(t, roots), readCalls(t)
	for c := range got {
		if _, ok := want[c]; !ok {
			t.Errorf("the code can call %s of %s, which testdata/calls.txt has not", c.operation, c.service)
		}
	}
	for c := range want {
		if !got[c] {
			t.Errorf("testdata/calls.txt has %s of %s, which the code cannot call", c.operation, c.service)
		}
	}

	// What only the command line calls is there to be found.
	var all []*ssa.Function
	for f := range ssautil.AllFunctions(p.Program) {
		if slices.Contains(p.own, f.Pkg) {
			all = append(all, f)
		}
	}
	more := p.find(t, all)
	for _, c := range []call{{"s3", "ListObjectsV2"}, {"s3", "DeleteObject"}, {"glue", "BatchDeletePartition"}, {"glue", "GetPartitions"}, {"glue", "GetTables"}} {
		if !more[c] {
			t.Errorf("%s of %s is not found where it is called", c.operation, c.service)
		}
	}

	// The calls that make a table and a database are in the code, but on a condition.
	for identifier, object := range p.source[0].TypesInfo.Uses {
		if v, ok := object.(*types.Var); ok && v.IsField() && v.Name() == "Create" {
			t.Errorf("%s: the function sets gluecatalog.Options.Create", p.Fset.Position(identifier.Pos()))
		}
	}
}

// credentialServices are the services that the SDK's chain of credentials may call, and why the function
// never does: in Lambda it finds credentials in the environment, and looks no further.
// See "Defined runtime environment variables" in the developer guide of Lambda, and "Credential provider
// chain" in that of the SDK for Go.
var credentialServices = []string{"signin", "sso", "ssooidc", "sts"}

// wantCallers checks that nobody calls services but packages of ours, and that those have the clients of
// S3 and Glue only.
func wantCallers(t *testing.T, imports map[string]*packages.Package) {
	t.Helper()
	found := map[string]bool{}
	for from, l := range imports {
		for to := range l.Imports {
			service := serviceOf(to)
			switch {
			case service == "" || strings.HasPrefix(from, servicePath):
			case slices.Contains(credentialServices, service):
				if from != "github.com/aws/aws-sdk-go-v2/config" && !strings.HasPrefix(from, "github.com/aws/aws-sdk-go-v2/credentials/") {
					t.Errorf("%s imports the client of %s, which is for the chain of credentials", from, service)
				}
			case !strings.HasPrefix(from, ownPath):
				t.Errorf("%s imports the client of %s, and what it calls is not known", from, service)
			default:
				found[service] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []string{"glue", "s3"}) {
		t.Errorf("the code has clients of %q", got)
	}
}
