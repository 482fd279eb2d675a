package s3

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"seikan/storage"
	"seikan/storage/transfer"
)

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if limit <= 0 {
		limit = 1000
	}
	asked := transfer.FolderOfDots(prefix) // some stores refuse a prefix that ends in dots
	if transfer.ImpossiblePrefix(prefix) || after > asked && !strings.HasPrefix(after, asked) {
		return storage.Page{}, s.fail(ctx, "list", prefix, ctx.Err())
	}
	rctx, cancel := context.WithTimeout(ctx, transfer.RequestTimeout)
	defer cancel()
	var page storage.Page
	for start, more := after, true; more; {
		// MinIO answers a question for one key without looking for more.
		keys := int32(min(1000, max(2, limit-len(page.Objects)+1)))
		from, err := s.startAfter(rctx, start)
		if err != nil {
			return storage.Page{}, s.fail(ctx, "list", prefix, err)
		}
		out, err := s.client.ListObjectsV2(rctx, &awss3.ListObjectsV2Input{Bucket: &s.c.Bucket, Prefix: aws.String(s.bucket.Root + asked), MaxKeys: &keys, StartAfter: from})
		if err != nil {
			return storage.Page{}, s.fail(ctx, "list", prefix, err)
		}
		more = aws.ToBool(out.IsTruncated) && len(out.Contents) > 0
		for _, o := range out.Contents {
			name := s.bucket.Name(aws.ToString(o.Key))
			start = name
			switch {
			case name <= after || name < prefix || storage.CheckName(name) != nil: // also the folders that other programs make
			case !strings.HasPrefix(name, prefix):
				return page, nil
			case len(page.Objects) == limit:
				page.Next = page.Objects[limit-1].Name
				return page, nil
			default:
				page.Objects = append(page.Objects, storage.Info{Name: name, Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified)})
			}
		}
	}
	return page, nil
}

// minioMark is what MinIO appends to a key in its own continuation tokens. Without it, MinIO (seen
// in its version of 2026-02) skips objects in sub-folders when a listing starts in the middle.
const minioMark = "[minio_cache:v2,return:]"

// startAfter is the key after which a listing starts, nil for the beginning.
func (s *Store) startAfter(ctx context.Context, after string) (*string, error) {
	after = transfer.Floor(after)
	if after == "" {
		return nil, nil
	}
	if !s.server.known.Load() {
		if _, err := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &s.c.Bucket}); statusOf(err) == 0 && err != nil {
			return nil, err
		}
	}
	if s.server.minio.Load() {
		after += minioMark
	}
	return aws.String(s.bucket.Root + after), nil
}

// server learns from its answers what the server is.
type server struct {
	next         http.RoundTripper
	known, minio atomic.Bool
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err == nil && !s.known.Load() {
		s.minio.Store(strings.HasPrefix(resp.Header.Get("Server"), "MinIO"))
		s.known.Store(true)
	}
	return resp, err
}
