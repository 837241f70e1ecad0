package s3store

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// List calls fn for every object whose key begins with prefix, in S3's order, which is ascending by
// byte. It asks for 1000 objects at a time, when they are needed. The prefix need not end at a slash.
// Objects that are [store.Hidden], by their key in the store, are not seen; objects that come or go
// during the call may be seen or not.
//
// An error of fn ends the listing and is returned as it is. fn may call the store, also to delete
// the object it was given.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if err := ctx.Err(); err != nil {
		return &store.Error{Op: "list", Key: prefix, Err: err}
	}
	var next *string
	for {
		page, err := s.page(ctx, prefix, next)
		if err != nil {
			return s.failure(ctx, "list", prefix, err)
		}
		for i := range page.Contents {
			if err := ctx.Err(); err != nil {
				return &store.Error{Op: "list", Key: prefix, Err: err}
			}
			o, err := s.listed(&page.Contents[i], page.EncodingType)
			if err != nil {
				return s.failure(ctx, "list", prefix, err)
			}
			// The marker of the folder that is the root has no name here.
			if o.Key == "" || store.Hidden(o.Key) {
				continue
			}
			if err := fn(o); err != nil {
				return err
			}
		}
		if !*page.IsTruncated {
			return nil
		}
		next = page.NextContinuationToken
	}
}

// page gets one page, whose objects S3 must say are the last or not: an empty answer must not pass
// for an empty bucket.
func (s *Store) page(ctx context.Context, prefix string, token *string) (*s3.ListObjectsV2Output, error) {
	page, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket:              &s.bucket,
		Prefix:              s.key(prefix),
		ContinuationToken:   token,
		EncodingType:        types.EncodingTypeUrl, // XML has no way to write some characters
		ExpectedBucketOwner: s.owner,
	})
	if err != nil {
		return nil, err
	}
	if page.IsTruncated == nil || *page.IsTruncated && aws.ToString(page.NextContinuationToken) == "" {
		return nil, errors.New("the list is not whole and does not say how to go on")
	}
	return page, nil
}

// listed describes an object of a list.
func (s *Store) listed(o *types.Object, encoding types.EncodingType) (store.Object, error) {
	key := aws.ToString(o.Key)
	if encoding == types.EncodingTypeUrl {
		var err error
		if key, err = url.QueryUnescape(key); err != nil {
			return store.Object{}, err
		}
	}
	key, below := strings.CutPrefix(key, s.prefix)
	if !below {
		return store.Object{}, errors.New("the list holds a key that does not begin with its prefix: " + key)
	}
	return store.Object{
		Key:      key,
		Size:     aws.ToInt64(o.Size),
		ETag:     unquote(aws.ToString(o.ETag)),
		Modified: aws.ToTime(o.LastModified),
	}, nil
}

// unquote gives an ETag without the quotes that HTTP puts around it.
func unquote(etag string) string { return strings.Trim(etag, `"`) }
