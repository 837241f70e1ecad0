package event

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// s3Record decodes one record of a notification of S3. Neither its version nor its times are
// looked at. Of an event that is no creation, nothing but its name is.
func s3Record(o object, _ int) (Message, error) {
	name, err := o.get("eventName").text()
	if err != nil {
		return Message{}, err
	}
	// In notifications the name has no prefix; in configurations it has one, and people mix them up.
	name = strings.TrimPrefix(name, "s3:")
	if class, _, _ := strings.Cut(name, ":"); class != "ObjectCreated" {
		return Message{Skipped: []string{skipNotCreation + label(name)}}, nil
	}
	s3, err := o.get("s3").object()
	if err != nil {
		return Message{}, err
	}
	created, about, err := named(s3)
	if err != nil {
		return Message{}, err
	}
	if created.Key, err = unescape(created.Key); err != nil {
		wrong := about.get("key").wrong("a form-encoded key").(*Error)
		wrong.Err = err
		return Message{}, wrong
	}
	if created.VersionID, err = about.get("versionId").optional(); err != nil {
		return Message{}, err
	}
	return Message{Objects: []Object{created}}, nil
}

// bridgeEvent decodes an event of S3 in EventBridge.
func bridgeEvent(o object) (Message, error) {
	if err := o.get("source").is("aws.s3"); err != nil {
		return Message{}, err
	}
	kind, err := o.get("detail-type").text()
	if err != nil {
		return Message{}, err
	}
	if kind != "Object Created" {
		// All events that S3 itself sends are named so.
		if !strings.HasPrefix(kind, "Object ") {
			return Message{}, o.get("detail-type").wrong("an event that S3 sends itself, such as Object Created")
		}
		return Message{Skipped: []string{skipNotCreation + label(kind)}}, nil
	}
	detail, err := o.get("detail").object()
	if err != nil {
		return Message{}, err
	}
	created, about, err := named(detail)
	if err != nil {
		return Message{}, err
	}
	if other, err := unescape(created.Key); err == nil && other != created.Key {
		created.AlternateKey = other
	}
	if created.VersionID, err = about.get("version-id").optional(); err != nil {
		return Message{}, err
	}
	return Message{Objects: []Object{created}}, nil
}

// named gives the bucket, and the key as it stands, that an event of S3 names in o; and what the
// event says about the object.
func named(o object) (Object, object, error) {
	bucket, err := o.get("bucket").object()
	if err != nil {
		return Object{}, object{}, err
	}
	about, err := o.get("object").object()
	if err != nil {
		return Object{}, object{}, err
	}
	name, err := bucket.get("name").text()
	if err != nil {
		return Object{}, object{}, err
	}
	key, err := about.get("key").text()
	if err != nil {
		return Object{}, object{}, err
	}
	return Object{Bucket: name, Key: key}, about, nil
}

// unescape decodes a form-encoded key.
func unescape(key string) (string, error) {
	decoded, err := url.QueryUnescape(key)
	if err == nil && !utf8.ValidString(decoded) {
		err = errors.New("decodes to what is not UTF-8")
	}
	return decoded, err
}

// testEvent decodes the message that S3 sends when a notification is configured.
func testEvent(o object) (Batch, error) {
	if err := o.get("Event").is("s3:TestEvent"); err != nil {
		return Batch{}, err
	}
	return single(KindS3, Message{Skipped: []string{skipTestEvent}}, nil), nil
}
