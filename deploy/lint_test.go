package deploy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestValidators runs the validators on every template and on the Step Functions definition, in which
// they must find nothing, and on copies with errors, which they must find: a validator that has ceased
// to look is found, too. cfn-lint reads the templates, so does AWS's @aws/cloudformation-validate, and
// asl-validator reads the definition. None asks the network.
//
// Errors and warnings count, whether or not a template's metadata suppress them: one validator warns
// only of a wrong runtime. Hints are logged: that another value of a property replaces the resource
// (I9001), that a resource has no tags (I9040), that queues and log groups go with the stack (I3011).
//
// In the template the definition must stand in Fn::Sub. There cfn-lint checks what is put in, and
// leaves the rest to asl-validator; in a plain text it takes the expressions for MaxConcurrency and
// ToleratedFailurePercentage for errors (E3601), which they are not where the language is JSONata.
//
// FLOWLAKE_CFN_LINT is the path of cfn-lint, node is on the PATH and its modules are in
// lint/node_modules; make ci has them. Where FLOWLAKE_CI is set the test must run.
func TestValidators(t *testing.T) {
	cfnLint, node := validators(t)
	templates, definitions := glob(t, "*.yaml"), glob(t, "replay/*.asl.json")
	dir := t.TempDir()
	copies := plant(t, dir)
	for _, path := range slices.Sorted(maps.Values(copies)) {
		if filepath.Ext(path) == ".json" {
			definitions = append(definitions, path)
		} else {
			templates = append(templates, path)
		}
	}

	var byCFNLint, byModules map[string][]finding
	var g errgroup.Group
	g.Go(func() (err error) { byCFNLint, err = runCFNLint(t, cfnLint, dir, templates); return })
	g.Go(func() (err error) {
		byModules, err = runModules(t, node, slices.Concat(templates, definitions))
		return
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}

	for _, path := range slices.Concat(templates, definitions) {
		if filepath.Dir(path) == dir {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			hints := map[string]int{}
			for _, f := range slices.Concat(byCFNLint[path], byModules[path]) {
				if !f.hint() {
					t.Error(f)
				} else if hints[f.Rule]++; hints[f.Rule] == 1 {
					t.Log(f)
				}
			}
			t.Logf("hints by rule: %v", hints)
		})
	}
	for _, e := range plantedErrors {
		t.Run(e.name, func(t *testing.T) {
			path := copies[e.copy]
			module := "asl-validator"
			if filepath.Ext(path) == ".yaml" {
				module = "@aws/cloudformation-validate"
				wantFound(t, "cfn-lint", byCFNLint[path], e.says, e.cfnLint)
			}
			wantFound(t, module, byModules[path], e.says, e.module)
		})
	}
}

// The parameters for which a validator is given values are those of templates.
func TestValidatorsParameters(t *testing.T) {
	data, err := os.ReadFile("lint/parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	var parameters map[string]string
	if err := json.Unmarshal(data, &parameters); err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, path := range glob(t, "*.yaml") {
		template, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += string(template)
	}
	for name := range parameters {
		if !strings.Contains(all, "\n  "+name+":\n    Type: ") {
			t.Errorf("%s is the parameter of no template", name)
		}
	}
}

// plantedErrors are put into copies of the files. Errors share a copy where none hides another.
//
// A permission that is missing is none of them, because templates without it are valid: another test
// compares the permissions with what the code calls.
var plantedErrors = []struct {
	name string
	file string
	copy string // name of the copy, with its extension
	old  string // regular expression; all that it matches
	new  string // becomes this
	says string // what the message has, in lower case
	// The rules that are to say it: of cfn-lint, and of @aws/cloudformation-validate or asl-validator.
	// One that is empty does not know this error.
	cfnLint, module string
}{
	// Deep in QuickSight's definitions.
	{"name of a property", "quicksight.yaml", "visuals.yaml",
		`CategoricalDimensionField:(\s+FieldId: clients-)`, `CategoricDimensionField:$1`, `'categoricdimensionfield' was unexpected`, "E3002", "F3002"},
	{"missing property", "quicksight.yaml", "visuals.yaml",
		`FieldId: endpoints-hour\s+HierarchyId`, `HierarchyId`, `'fieldid' is a required property`, "E3003", "F3003"},
	{"value that is none of several", "quicksight.yaml", "visuals.yaml",
		`Orientation: VERTICAL`, `Orientation: SLANTED`, `'slanted' is not one of`, "E3030", "W3030"},
	{"number beyond its bounds", "quicksight.yaml", "visuals.yaml",
		`(ElementId: endpoints, ColumnIndex: 0, ColumnSpan): 36`, `$1: 37`, `37 is greater than the maximum of 36`, "E3034", "F3034"},
	{"list for a text", "quicksight.yaml", "visuals.yaml",
		`ColumnName: direction}`, `ColumnName: [direction]}`, `['direction'] is not of type 'string'`, "E3012", "F3012"},

	// References.
	{"reference", "template.yaml", "references.yaml",
		`FunctionName: !Ref Convert\b`, `FunctionName: !Ref Konvert`, `'konvert' is not one of`, "E1020", "F1020"},
	{"attribute", "template.yaml", "references.yaml",
		`EventSourceArn: !GetAtt Queue\.Arn`, `EventSourceArn: !GetAtt Queue.Urn`, `'urn' is not one of`, "E1010", "E9004"},
	{"name in a text", "template.yaml", "references.yaml",
		`\$\{LakeBucket\}/lake'`, `$${Puddle}/lake'`, `puddle`, "E1019", "F1018"},
	{"condition", "template.yaml", "references.yaml",
		`Condition: SilenceAlarm`, `Condition: Silence`, `'silence'`, "E3015", "E8002"},
	{"parameter that nothing uses", "template.yaml", "references.yaml",
		`\nParameters:\n`, "\nParameters:\n  Idle:\n    Type: String\n", `idle`, "W2001", "W2001"},

	// Values.
	{"runtime", "template.yaml", "values.yaml",
		`Runtime: \S+`, `Runtime: provided.al2024`, `'provided.al2024' is not one of`, "E3030", "W3030"},
	{"text for a list", "template.yaml", "values.yaml",
		`Architectures: .*`, `Architectures: arm64`, `'arm64' is not of type 'array'`, "E3012", "F3012"},
	{"batching window", "template.yaml", "values.yaml",
		`MaximumBatchingWindowInSeconds: .*`, `MaximumBatchingWindowInSeconds: 301`, `301 is greater than the maximum of 300`, "E3034", "F3034"},
	{"messages that come back while they are worked on", "template.yaml", "values.yaml",
		`VisibilityTimeout: .*`, `VisibilityTimeout: 17`, `queue visibility timeout (17) is less`, "E3505", "E3505"},
	{"action that there is not", "template.yaml", "values.yaml",
		`Action: s3:GetObject\b`, `Action: s3:GetObjectt`, `'getobjectt' is not one of`, "W3037", ""},
	{"effect of a policy", "template.yaml", "values.yaml",
		`Effect: Deny`, `Effect: Forbid`, `'forbid' is not one of`, "E3512", ""},
	{"name where an ARN must be", "template.yaml", "values.yaml",
		`Role: !GetAtt ConvertRole\.Arn`, `Role: !Ref ConvertRole`, `convertrole`, "", ""},

	// The whole.
	{"property that stands there twice", "code.yaml", "twice.yaml",
		`( +)Bucket: .*\n`, "$0$0", `'bucket'`, "E0000", "F0000"},
	{"error that the template suppresses", "code.yaml", "suppressed.yaml",
		`(?s)\nResources:\n(  \S+\n)(.*)BucketEncryption:`,
		"\nMetadata:\n  cfn-lint: {config: {ignore_checks: [E3002]}}\n\nResources:\n$1    Metadata: {cfn-lint: {config: {ignore_checks: [E3002]}}}\n${2}BucketEncription:",
		`'bucketencription' was unexpected`, "E3002", "F3002"},

	// The definition.
	{"no such state", "replay/statemachine.asl.json", "next.json",
		`(?s)\A(.*?"Next"): "[^"]+"`, `$1: "Nowhere"`, `target: nowhere`, "", "E_MISSING_TRANSITION_TARGET"},
	{"no way on", "replay/statemachine.asl.json", "way.json",
		`(?s)\A(.*?),\s+"Next": "[^"]+"(\s+\})`, `$1$2`, `must contain exactly one of "end", "next"`, "", "E_TERMINAL_STATE_WITH_NEXT"},
	{"expression", "replay/statemachine.asl.json", "expression.json",
		`("Prefix": "\{% )`, `$1(`, `/prefix is invalid`, "", "E_SCHEMA_VALIDATION_FAILED"},
	{"field", "replay/statemachine.asl.json", "field.json",
		`"ToleratedFailurePercentage":`, `"ToleratedFailurePercent":`, `is invalid`, "", "E_SCHEMA_VALIDATION_FAILED"},
	{"comma too many", "replay/statemachine.asl.json", "comma.json",
		`\}\s*\z`, `},`, `json`, "", "E"},
	{"no last state", "replay/statemachine.asl.json", "last.json",
		`(?s)"StartAt".*\z`, `"StartAt": "Loop", "States": {"Loop": {"Type": "Pass", "Next": "Loop"}}}`, `is missing a terminal state`, "", "E_MISSING_TERMINAL_STATE"},
	{"service integration that there is not", "replay/statemachine.asl.json", "integration.json",
		`:lambda:invoke"`, `:lambda:invok"`, `invok`, "", ""},
	{"variable that has no value", "replay/statemachine.asl.json", "variable.json",
		`\$states\.input\b`, `$$state.input`, `state.input`, "", ""},
}

// plant writes the copies with the errors into dir, and gives their paths by the names of the copies.
func plant(t *testing.T, dir string) map[string]string {
	t.Helper()
	copies := map[string]string{}
	for _, e := range plantedErrors {
		path, from := copies[e.copy], copies[e.copy]
		if path == "" {
			path, from = filepath.Join(dir, e.copy), e.file
			copies[e.copy] = path
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		old := regexp.MustCompile(e.old)
		if !old.Match(text) {
			t.Fatalf("%s: %s has no %q to put it into", e.name, e.file, e.old)
		}
		if err := os.WriteFile(path, old.ReplaceAll(text, []byte(e.new)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return copies
}

// wantFound checks that a validator found something that says that, by that rule or, where that is
// empty, by none.
func wantFound(t *testing.T, validator string, found []finding, says, rule string) {
	t.Helper()
	i := slices.IndexFunc(found, func(f finding) bool {
		return !f.hint() && strings.Contains(strings.ToLower(f.Message), says) && (rule == "" || f.Rule == rule)
	})
	if i < 0 && rule != "" {
		t.Errorf("%s did not find it; want %s %q, have %v", validator, rule, says, found)
	}
	if i >= 0 && rule == "" {
		t.Errorf("%s is said not to find it, and did: %v", validator, found[i])
	}
}

// finding is what a validator says about a line of a file.
type finding struct {
	File    string
	Line    int // from 1, or 0 where the validator does not tell
	Rule    string
	Message string
}

// hint tells that nothing is wrong.
func (f finding) hint() bool { return strings.HasPrefix(f.Rule, "I") }

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s %s", filepath.Base(f.File), f.Line, f.Rule, f.Message)
}

// validators gives the paths of cfn-lint and node. It ends the test without them or node's modules.
func validators(t *testing.T) (cfnLint, node string) {
	t.Helper()
	missing := t.Skip
	if os.Getenv("FLOWLAKE_CI") != "" {
		missing = t.Fatal
	}
	if cfnLint = os.Getenv("FLOWLAKE_CFN_LINT"); cfnLint == "" {
		missing("FLOWLAKE_CFN_LINT is not set")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(err)
	}
	if _, err := os.Stat("lint/node_modules"); err != nil {
		missing(err)
	}
	return cfnLint, node
}

// glob gives the absolute paths of the files that match, of which there must be one.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	pattern, err := filepath.Abs(pattern)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no such files: %v", pattern, err)
	}
	return paths
}

// runCFNLint gives the findings of cfn-lint by path. It runs in dir, its home, so that no configuration
// of the machine has a say.
func runCFNLint(t *testing.T, program, dir string, paths []string) (map[string][]finding, error) {
	args := []string{"--format", "json", "--non-zero-exit-code", "none", "--include-checks", "I", "--mandatory-checks", "E", "W", "--"}
	cmd := exec.CommandContext(t.Context(), program, append(args, paths...)...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	var report []struct {
		Filename string
		Location struct{ Start struct{ LineNumber int } }
		Rule     struct{ ID string }
		Message  string
	}
	if err := runJSON(cmd, &report); err != nil {
		return nil, err
	}
	found := map[string][]finding{}
	for _, r := range report {
		found[r.Filename] = append(found[r.Filename], finding{r.Filename, r.Location.Start.LineNumber, r.Rule.ID, r.Message})
	}
	return found, nil
}

// runModules gives the findings of the modules of node by path.
func runModules(t *testing.T, node string, paths []string) (map[string][]finding, error) {
	var report []finding
	if err := runJSON(exec.CommandContext(t.Context(), node, append([]string{"lint/validate.mjs"}, paths...)...), &report); err != nil {
		return nil, err
	}
	found := map[string][]finding{}
	for _, f := range report {
		found[f.File] = append(found[f.File], f)
	}
	return found, nil
}

// runJSON runs a command and decodes what it prints.
func runJSON(cmd *exec.Cmd, v any) error {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(stdout, v)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s%s", cmd.Path, err, stdout, stderr.String())
	}
	return nil
}
