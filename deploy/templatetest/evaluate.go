package templatetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What the pseudo parameters stand for.
const (
	Account   = "123456789012"
	Region    = "eu-west-1"
	StackName = "flowlake"
)

// Stack is what a template comes to with its parameters.
type Stack struct {
	// Resources are those whose condition holds, by logical ID.
	Resources map[string]Resource
	// Names are what Ref gives for each of them: most often, its name.
	Names map[string]string
	// Outputs are the values of the outputs whose condition holds.
	Outputs map[string]any
}

// Resource is a resource of a stack.
type Resource struct {
	Type string
	// Properties has no functions any more.
	Properties map[string]any
	// DeletionPolicy is "" where the resource is deleted with its stack.
	DeletionPolicy string
}

// Policy is an inline policy of a role.
type Policy struct {
	Name       string
	Statements []Statement
}

// Statement is a statement of a policy. Text and list of one text are the same.
type Statement struct {
	Effect    string
	Actions   []string
	Resources []string
	Condition map[string]any
}

// Evaluate gives the stack of a template. Parameters that are not given have their defaults. A
// parameter that is missing, unknown or not allowed is an error, and so is every function that cannot
// be evaluated.
func (t *Template) Evaluate(parameters map[string]string) (*Stack, error) {
	e := &evaluation{document: t.Document, parameters: map[string]any{
		"AWS::AccountId": Account, "AWS::Region": Region, "AWS::StackName": StackName, "AWS::Partition": "aws",
		"AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": noValue{},
	}}
	if err := e.setParameters(parameters); err != nil {
		return nil, err
	}
	s := &Stack{Resources: map[string]Resource{}, Names: map[string]string{}, Outputs: map[string]any{}}
	for _, id := range slices.Sorted(maps.Keys(section(t.Document, "Resources"))) {
		r := section(section(t.Document, "Resources"), id)
		if ok, err := e.wanted(r); err != nil || !ok {
			if err != nil {
				return nil, fmt.Errorf("resource %s: %w", id, err)
			}
			continue
		}
		properties, err := e.value(section(r, "Properties"))
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		kind, _ := r["Type"].(string)
		deletion, _ := r["DeletionPolicy"].(string)
		s.Resources[id] = Resource{kind, properties.(map[string]any), deletion}
		if name, err := e.ref(id); err == nil { // else it is of a type that nobody refers to
			s.Names[id] = fmt.Sprint(name)
		}
	}
	for id := range section(t.Document, "Outputs") {
		o := section(section(t.Document, "Outputs"), id)
		ok, err := e.wanted(o)
		if err == nil && ok {
			s.Outputs[id], err = e.value(o["Value"])
		}
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", id, err)
		}
	}
	return s, nil
}

// Of gives the IDs of the resources of a type, sorted.
func (s *Stack) Of(kind string) (ids []string) {
	for id, r := range s.Resources {
		if r.Type == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Policies gives the inline policies of a role.
func (s *Stack) Policies(role string) ([]Policy, error) {
	var policies []Policy
	list, _ := s.Resources[role].Properties["Policies"].([]any)
	for _, p := range list {
		name, _ := Get(p, "PolicyName").(string)
		statements, err := Statements(Get(p, "PolicyDocument"))
		if err != nil {
			return nil, fmt.Errorf("%s: policy %s: %w", role, name, err)
		}
		policies = append(policies, Policy{name, statements})
	}
	if len(policies) == 0 {
		return nil, fmt.Errorf("%s is no role with policies", role)
	}
	return policies, nil
}

// Statements reads the statements of a policy document.
func Statements(document any) ([]Statement, error) {
	var d struct {
		Statement []struct {
			Effect           string
			Action, Resource any
			Condition        map[string]any
		}
	}
	if err := json.Unmarshal([]byte(JSON(document)), &d); err != nil {
		return nil, err
	}
	var all []Statement
	for _, s := range d.Statement {
		all = append(all, Statement{s.Effect, texts(s.Action), texts(s.Resource), s.Condition})
	}
	return all, nil
}

func texts(v any) (all []string) {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	list, _ := v.([]any)
	for _, s := range list {
		all = append(all, fmt.Sprint(s))
	}
	return all
}

// evaluation is the state of one Evaluate.
type evaluation struct {
	document   map[string]any
	parameters map[string]any
	depth      int
}

// noValue is what AWS::NoValue stands for: the property or element is left out.
type noValue struct{}

func section(m map[string]any, name string) map[string]any {
	s, _ := m[name].(map[string]any)
	return s
}

func (e *evaluation) setParameters(given map[string]string) error {
	declared := section(e.document, "Parameters")
	for name := range given {
		if declared[name] == nil {
			return fmt.Errorf("no parameter %s", name)
		}
	}
	for name := range declared {
		p := section(declared, name)
		v, ok := given[name]
		if !ok {
			if p["Default"] == nil {
				return fmt.Errorf("parameter %s is missing", name)
			}
			v = fmt.Sprint(p["Default"])
		}
		if err := allowed(p, v); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		e.parameters[name] = v
		if p["Type"] == "CommaDelimitedList" {
			list := []any{}
			for s := range strings.SplitSeq(v, ",") {
				list = append(list, strings.TrimSpace(s))
			}
			e.parameters[name] = list
		}
	}
	return nil
}

// allowed checks a parameter's value as CloudFormation does.
func allowed(p map[string]any, v string) error {
	if pattern, ok := p["AllowedPattern"].(string); ok {
		// CloudFormation matches the whole value.
		if matched, err := regexp.MatchString("^(?:"+pattern+")$", v); err != nil || !matched {
			return fmt.Errorf("%q does not match %s (%v)", v, pattern, err)
		}
	}
	if values, ok := p["AllowedValues"].([]any); ok && !slices.ContainsFunc(values, func(a any) bool { return fmt.Sprint(a) == v }) {
		return fmt.Errorf("%q is none of %v", v, values)
	}
	if p["Type"] == "Number" {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", v)
		}
		if least, ok := p["MinValue"].(int); ok && n < float64(least) {
			return fmt.Errorf("%s is less than %d", v, least)
		}
		if most, ok := p["MaxValue"].(int); ok && n > float64(most) {
			return fmt.Errorf("%s is more than %d", v, most)
		}
	}
	return nil
}

// wanted says whether a resource or an output has no condition, or one that holds.
func (e *evaluation) wanted(r map[string]any) (bool, error) {
	name, ok := r["Condition"].(string)
	if !ok {
		return true, nil
	}
	return e.condition(name)
}

func (e *evaluation) condition(name string) (bool, error) {
	c, ok := section(e.document, "Conditions")[name]
	if !ok {
		return false, fmt.Errorf("no condition %s", name)
	}
	v, err := e.value(c)
	if err != nil {
		return false, fmt.Errorf("condition %s: %w", name, err)
	}
	holds, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("condition %s is %v", name, v)
	}
	return holds, nil
}

// value evaluates a value of the template.
func (e *evaluation) value(v any) (any, error) {
	if e.depth++; e.depth > 200 {
		return nil, fmt.Errorf("resources refer to each other in a circle")
	}
	defer func() { e.depth-- }()
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, element := range v {
			x, err := e.value(element)
			if err != nil {
				return nil, err
			}
			if _, none := x.(noValue); !none {
				list = append(list, x)
			}
		}
		return list, nil
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::") {
					return e.call(name, argument)
				}
			}
		}
		m := map[string]any{}
		for key, element := range v {
			x, err := e.value(element)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			if _, none := x.(noValue); !none {
				m[key] = x
			}
		}
		return m, nil
	}
	return v, nil
}
