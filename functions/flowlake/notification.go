package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// notifications are a bucket's notification configuration as S3 gave it.
type notifications struct {
	config types.NotificationConfiguration // what the SDK understood of it
	// entries are the whole of it: each configuration in the form of [element], in order.
	entries []string
}

// attached says whether the bucket's events go to EventBridge.
func (n *notifications) attached() bool { return n.config.EventBridgeConfiguration != nil }

// attach gives the same configuration with EventBridge.
func (n *notifications) attach() *types.NotificationConfiguration {
	c := n.config
	c.EventBridgeConfiguration = &types.EventBridgeConfiguration{}
	return &c
}

// missing gives the entries that are not, or not like this, among others.
func (n *notifications) missing(others []string) []string {
	return slices.DeleteFunc(slices.Clone(n.entries), func(e string) bool { return slices.Contains(others, e) })
}

// String lists the destinations, each with its ID, ARN, events and filter, in an order that depends on
// nothing else. IDs and filters, which others chose freely, are quoted.
func (n *notifications) String() string {
	type destination struct {
		kind, id, arn string
		events        []types.Event
		filter        *types.NotificationConfigurationFilter
	}
	var all []destination
	for _, c := range n.config.QueueConfigurations {
		all = append(all, destination{"queue", aws.ToString(c.Id), aws.ToString(c.QueueArn), c.Events, c.Filter})
	}
	for _, c := range n.config.TopicConfigurations {
		all = append(all, destination{"topic", aws.ToString(c.Id), aws.ToString(c.TopicArn), c.Events, c.Filter})
	}
	for _, c := range n.config.LambdaFunctionConfigurations {
		all = append(all, destination{"function", aws.ToString(c.Id), aws.ToString(c.LambdaFunctionArn), c.Events, c.Filter})
	}
	slices.SortFunc(all, func(a, b destination) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.arn, b.arn), cmp.Compare(a.id, b.id))
	})
	var b strings.Builder
	for _, d := range all {
		var events, keys []string
		for _, e := range d.events {
			events = append(events, string(e))
		}
		if d.filter != nil && d.filter.Key != nil {
			for _, r := range d.filter.Key.FilterRules {
				keys = append(keys, fmt.Sprintf("%s %q", strings.ToLower(string(r.Name)), aws.ToString(r.Value)))
			}
		}
		slices.Sort(events)
		slices.Sort(keys)
		fmt.Fprintf(&b, "  %s %q\n    to      %s\n    events  %s\n    keys    %s\n",
			d.kind, d.id, d.arn, strings.Join(events, ", "), cmp.Or(strings.Join(keys, ", "), "all"))
	}
	return b.String()
}

// json gives the configuration in the form that aws s3api put-bucket-notification-configuration takes,
// which has the SDK's names and no nulls.
func (n *notifications) json() (string, error) {
	data, err := json.Marshal(n.config)
	if err != nil {
		return "", err
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return "", err
	}
	dropNulls(v)
	data, err = json.MarshalIndent(v, "", "  ")
	return string(data), err
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			if field == nil {
				delete(v, name)
			}
			dropNulls(field)
		}
	case []any:
		for _, item := range v {
			dropNulls(item)
		}
	}
}

// element is any XML element. Its attributes do not count: what S3 writes here has none but the name
// space.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// String gives what is the same for the same content, in whatever order it stands.
func (e element) String() string {
	if len(e.Children) == 0 {
		return fmt.Sprintf("%s %q", e.XMLName.Local, e.Text)
	}
	return fmt.Sprintf("%s [%s]", e.XMLName.Local, strings.Join(e.parts(), ", "))
}

func (e element) parts() []string {
	var parts []string
	for _, c := range e.Children {
		parts = append(parts, c.String())
	}
	slices.Sort(parts)
	return parts
}

// parseEntries gives the entries of a configuration in XML. Anything else is an error: the SDK takes
// an empty answer, or a page of a proxy, for a bucket without notifications.
func parseEntries(data []byte) ([]string, error) {
	const want = "NotificationConfiguration"
	var root element
	if err := xml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("parse %s: %w", want, err)
	}
	if root.XMLName.Local != want {
		return nil, fmt.Errorf("parse %s: have the element %q", want, root.XMLName.Local)
	}
	return root.parts(), nil
}

// transport is a function as a client of HTTP.
type transport func(*http.Request) (*http.Response, error)

func (t transport) Do(r *http.Request) (*http.Response, error) { return t(r) }

// logBucket is a bucket whose notifications are read and written.
type logBucket struct {
	client *s3.Client
	name   string
	owner  *string // account that must own it; nil is any
}

// read gives the notifications.
func (b *logBucket) read(ctx context.Context) (*notifications, error) {
	var body bytes.Buffer
	out, err := b.client.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{
		Bucket: &b.name, ExpectedBucketOwner: b.owner,
	}, func(o *s3.Options) {
		client := o.HTTPClient
		o.HTTPClient = transport(func(r *http.Request) (*http.Response, error) {
			body.Reset() // of the attempt before
			answer, err := client.Do(r)
			if err == nil {
				answer.Body = struct {
					io.Reader
					io.Closer
				}{io.TeeReader(answer.Body, &body), answer.Body}
			}
			return answer, err
		})
	})
	n := &notifications{}
	if err == nil {
		n.config = types.NotificationConfiguration{
			EventBridgeConfiguration:     out.EventBridgeConfiguration,
			LambdaFunctionConfigurations: out.LambdaFunctionConfigurations,
			QueueConfigurations:          out.QueueConfigurations,
			TopicConfigurations:          out.TopicConfigurations,
		}
		n.entries, err = parseEntries(body.Bytes())
	}
	if err != nil {
		return nil, b.failure("read", "s3:GetBucketNotification", err)
	}
	return n, nil
}

// write replaces the notifications.
func (b *logBucket) write(ctx context.Context, c *types.NotificationConfiguration, options ...func(*s3.Options)) error {
	_, err := b.client.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &b.name, ExpectedBucketOwner: b.owner, NotificationConfiguration: c,
		// S3 would check that it may reach every destination: it sends a test message to each queue and
		// topic, makes a dry run of each function, and refuses the whole configuration if one of them is
		// gone or forbids it. They are others', are there already and stay as they are: they get no
		// messages from us, and a broken one is no reason to stop. EventBridge has nothing to check.
		SkipDestinationValidation: aws.Bool(true),
	}, options...)
	if err != nil {
		return b.failure("write", "s3:PutBucketNotification", err)
	}
	return nil
}

// rendered gives the entries of what write would send. The SDK makes XML in sending alone, so it sends
// here to nobody.
func (b *logBucket) rendered(ctx context.Context, c *types.NotificationConfiguration) ([]string, error) {
	var body []byte
	err := b.write(ctx, c, func(o *s3.Options) {
		o.HTTPClient = transport(func(r *http.Request) (*http.Response, error) {
			var err error
			body, err = io.ReadAll(r.Body)
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, err
		})
	})
	if err != nil {
		return nil, err
	}
	return parseEntries(body)
}

// failure gives the error of a call in S3's own words, and names what it takes.
func (b *logBucket) failure(verb, permission string, err error) error {
	doing := fmt.Sprintf("%s the notifications of s3://%s", verb, b.name)
	var api interface { // smithy's APIError
		error
		ErrorCode() string
		ErrorMessage() string
	}
	var answer *awshttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &answer) || answer.Response == nil {
		var sent *url.Error
		if errors.As(err, &sent) {
			err = sent.Err
		}
		return fmt.Errorf("%s: %w", doing, err)
	}
	region := answer.Response.Header.Get("X-Amz-Bucket-Region")
	hint := ""
	switch code := api.ErrorCode(); {
	case region != "" && region != b.client.Options().Region:
		hint = "; the bucket is in " + region + ": set AWS_REGION"
	case code == "AccessDenied" && b.owner != nil:
		hint = fmt.Sprintf("; it takes %s on the bucket, which must belong to account %s", permission, *b.owner)
	case code == "AccessDenied":
		hint = fmt.Sprintf("; it takes %s on the bucket", permission)
	}
	return fmt.Errorf("%s: %s: %s (HTTP %d, request %s)%s", doing, api.ErrorCode(), strings.TrimSuffix(api.ErrorMessage(), "."),
		answer.HTTPStatusCode(), cmp.Or(answer.ServiceRequestID(), "unknown"), hint)
}
