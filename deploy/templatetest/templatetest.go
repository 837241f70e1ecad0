// Package templatetest evaluates the CloudFormation templates of this repository, for tests: with
// values for the parameters it gives the resources that a stack would have, every intrinsic function
// replaced by its value. It creates nothing and knows only the functions that our templates use; any
// other one is an error, so that nothing is passed over.
//
// Names that CloudFormation would draw are made of the logical IDs, such as flowlake-queue. Of
// attributes it knows ARNs and names. Whether properties are valid is for the validators in
// deploy/lint.
//
// Format: AWS CloudFormation user guide, "Template anatomy" and "Intrinsic function reference".
package templatetest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Template is a template as it stands, with the short forms of functions, such as !Ref, in their long
// form.
type Template struct {
	// Document is the whole of it: maps, lists, texts, numbers and booleans. Not to be changed.
	Document map[string]any
}

// Load reads a template in YAML.
func Load(path string) (*Template, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", path, err)
	}
	return t, nil
}

// Parse reads the text of a template in YAML.
func Parse(data []byte) (*Template, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	if len(root.Content) != 1 {
		return nil, fmt.Errorf("want one document")
	}
	v, err := value(root.Content[0])
	if err != nil {
		return nil, err
	}
	document, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want a map")
	}
	return &Template{document}, nil
}

// value gives what a node of YAML stands for. CloudFormation's tags become functions; a date stays
// text.
func value(n *yaml.Node) (any, error) {
	v, err := untagged(n)
	if err != nil || !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
		return v, err
	}
	switch name := n.Tag[1:]; name {
	case "Ref", "Condition":
		return map[string]any{name: v}, nil
	case "GetAtt":
		if text, ok := v.(string); ok {
			resource, attribute, _ := strings.Cut(text, ".")
			v = []any{resource, attribute}
		}
		return map[string]any{"Fn::GetAtt": v}, nil
	default:
		return map[string]any{"Fn::" + name: v}, nil
	}
}

func untagged(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, fmt.Errorf("line %d: %s stands there twice", n.Content[i].Line, key)
			}
			v, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			v, err := value(c)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		if n.Tag == "!!timestamp" || !strings.HasPrefix(n.Tag, "!!") {
			return n.Value, nil
		}
		var v any
		err := n.Decode(&v)
		return v, err
	}
	return nil, fmt.Errorf("line %d: CloudFormation knows no aliases", n.Line)
}

// Get follows a path of keys (string) and indexes (int) into a value. It is nil where there is no such
// thing.
func Get(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// JSON gives a value as JSON, as a policy document is for one.
func JSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // values come from YAML
	}
	return string(data)
}
