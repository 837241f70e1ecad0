package templatetest

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// call evaluates a function, by its long name.
func (e *evaluation) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return e.ref(fmt.Sprint(argument))
	case "Condition":
		return e.condition(fmt.Sprint(argument))
	case "Fn::If": // only the branch that is taken is evaluated
		branches, err := list(argument, 3)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		holds, err := e.condition(fmt.Sprint(branches[0]))
		if err != nil {
			return nil, err
		}
		if holds {
			return e.value(branches[1])
		}
		return e.value(branches[2])
	case "Fn::GetAtt":
		parts, err := list(argument, 2)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return e.attribute(fmt.Sprint(parts[0]), fmt.Sprint(parts[1]))
	case "Fn::Sub":
		return e.sub(argument)
	}
	v, err := e.value(argument)
	if err != nil {
		return nil, err
	}
	arguments, err := list(v, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "Fn::Equals":
		return len(arguments) == 2 && fmt.Sprint(arguments[0]) == fmt.Sprint(arguments[1]), nil
	case "Fn::Not":
		return arguments[0] == false, nil
	case "Fn::And":
		return !slices.Contains(arguments, any(false)), nil
	case "Fn::Or":
		return slices.Contains(arguments, any(true)), nil
	case "Fn::Join":
		if parts, ok := arguments[1].([]any); ok {
			return strings.Join(texts(parts), fmt.Sprint(arguments[0])), nil
		}
	case "Fn::Select":
		if i, ok := arguments[0].(int); ok {
			if v := Get(arguments[1], i); v != nil {
				return v, nil
			}
		}
	case "Fn::Split":
		var parts []any
		for part := range strings.SplitSeq(fmt.Sprint(arguments[1]), fmt.Sprint(arguments[0])) {
			parts = append(parts, part)
		}
		return parts, nil
	}
	return nil, fmt.Errorf("cannot evaluate function %s of %v", name, arguments)
}

// list gives a list of n values, or of any number where n is 0.
func list(v any, n int) ([]any, error) {
	l, ok := v.([]any)
	if !ok || n > 0 && len(l) != n || len(l) == 0 {
		return nil, fmt.Errorf("want a list, have %v", v)
	}
	return l, nil
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub evaluates Fn::Sub, of a text or of a text and its own values.
func (e *evaluation) sub(argument any) (any, error) {
	own := map[string]any{}
	if l, ok := argument.([]any); ok && len(l) == 2 {
		v, err := e.value(l[1])
		if err != nil {
			return nil, err
		}
		own, _ = v.(map[string]any)
		argument = l[0]
	}
	text, ok := argument.(string)
	if !ok {
		return nil, fmt.Errorf("Fn::Sub of %v", argument)
	}
	var failed error
	result := reference.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		v, ok := own[name]
		if !ok {
			var err error
			if resource, attribute, dotted := strings.Cut(name, "."); dotted {
				v, err = e.attribute(resource, attribute)
			} else {
				v, err = e.ref(name)
			}
			if err != nil {
				failed = err
			}
		}
		if v != nil && reflect.TypeOf(v).Kind() == reflect.Slice {
			failed = fmt.Errorf("Fn::Sub: %s is a list", name)
		}
		return fmt.Sprint(v)
	})
	return result, failed
}

// ref evaluates Ref: a parameter's value, or a resource's name or what its type has instead.
func (e *evaluation) ref(name string) (any, error) {
	if v, ok := e.parameters[name]; ok {
		return v, nil
	}
	r, err := e.resource(name)
	if err != nil {
		return nil, err
	}
	switch r["Type"] {
	case "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine":
		return e.attribute(name, "Arn")
	case "AWS::SQS::Queue":
		queue, err := e.name(name, r)
		return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", Region, Account, queue), err
	}
	return e.name(name, r)
}

// resource gives a resource that the stack has.
func (e *evaluation) resource(id string) (map[string]any, error) {
	r := section(section(e.document, "Resources"), id)
	if r == nil {
		return nil, fmt.Errorf("no resource or parameter %s", id)
	}
	ok, err := e.wanted(r)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the condition of %s does not hold", id)
	}
	return r, nil
}

// nameProperties are where the types that have one say their name.
var nameProperties = map[string][]any{
	"AWS::Athena::WorkGroup":                   {"Name"},
	"AWS::CloudWatch::Alarm":                   {"AlarmName"},
	"AWS::CloudWatch::Dashboard":               {"DashboardName"},
	"AWS::Events::Rule":                        {"Name"},
	"AWS::Glue::Database":                      {"DatabaseInput", "Name"},
	"AWS::Glue::Table":                         {"TableInput", "Name"},
	"AWS::IAM::Role":                           {"RoleName"},
	"AWS::Lambda::Function":                    {"FunctionName"},
	"AWS::Logs::LogGroup":                      {"LogGroupName"},
	"AWS::S3::Bucket":                          {"BucketName"},
	"AWS::SNS::Topic":                          {"TopicName"},
	"AWS::SQS::Queue":                          {"QueueName"},
	"AWS::StepFunctions::StateMachine":         {"StateMachineName"},
	"AWS::Lambda::EventSourceMapping":          nil,
	"AWS::QuickSight::DataSource":              {"DataSourceId"},
	"AWS::QuickSight::DataSet":                 {"DataSetId"},
	"AWS::QuickSight::Analysis":                {"AnalysisId"},
	"AWS::QuickSight::Dashboard":               {"DashboardId"},
	"AWS::QuickSight::RefreshSchedule":         nil,
	"AWS::LakeFormation::PrincipalPermissions": nil,
}

// name gives the name of a resource: what its properties say, or one made of its logical ID.
func (e *evaluation) name(id string, r map[string]any) (string, error) {
	path, known := nameProperties[fmt.Sprint(r["Type"])]
	if !known {
		return "", fmt.Errorf("%s: what a %s is called is not known", id, r["Type"])
	}
	if v := Get(r["Properties"], path...); v != nil && path != nil {
		named, err := e.value(v)
		if _, none := named.(noValue); err != nil || !none {
			return fmt.Sprint(named), err
		}
	}
	return StackName + "-" + strings.ToLower(id), nil
}

// arns are the ARNs of the types, with a name for %s.
var arns = map[string]string{
	"AWS::Events::Rule":                "arn:aws:events:" + Region + ":" + Account + ":rule/%s",
	"AWS::IAM::Role":                   "arn:aws:iam::" + Account + ":role/%s",
	"AWS::Lambda::Function":            "arn:aws:lambda:" + Region + ":" + Account + ":function:%s",
	"AWS::Logs::LogGroup":              "arn:aws:logs:" + Region + ":" + Account + ":log-group:%s:*",
	"AWS::QuickSight::DataSource":      "arn:aws:quicksight:" + Region + ":" + Account + ":datasource/%s",
	"AWS::QuickSight::DataSet":         "arn:aws:quicksight:" + Region + ":" + Account + ":dataset/%s",
	"AWS::S3::Bucket":                  "arn:aws:s3:::%s",
	"AWS::SNS::Topic":                  "arn:aws:sns:" + Region + ":" + Account + ":%s",
	"AWS::SQS::Queue":                  "arn:aws:sqs:" + Region + ":" + Account + ":%s",
	"AWS::StepFunctions::StateMachine": "arn:aws:states:" + Region + ":" + Account + ":stateMachine:%s",
}

// attribute evaluates Fn::GetAtt.
func (e *evaluation) attribute(id, attribute string) (any, error) {
	r, err := e.resource(id)
	if err != nil {
		return nil, err
	}
	name, err := e.name(id, r)
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprint(r["Type"])
	switch {
	case attribute == "Arn" && arns[kind] != "":
		return fmt.Sprintf(arns[kind], name), nil
	case attribute == "QueueName", attribute == "TopicName", attribute == "Name":
		return name, nil
	case attribute == "QueueUrl":
		return e.ref(id)
	}
	return nil, fmt.Errorf("attribute %s of a %s is not known; known are the ARNs of %v", attribute, kind, slices.Sorted(maps.Keys(arns)))
}
