package s3

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"seikan/storage"
	"seikan/storage/transfer"
)

// Store implements storage.Store. Create uses S3's conditional writes (If-None-Match).
type Store struct {
	c         Config
	client    *awss3.Client
	transport *http.Transport
	server    *server
	bucket    transfer.Bucket
}

const staleAfter = 24 * time.Hour // of an upload nobody has finished

// Open prepares a store; nothing is sent yet.
func Open(_ context.Context, c Config) (*Store, error) {
	s := &Store{c: c, transport: transfer.HTTPTransport()}
	s.server = &server{next: s.transport}
	s.bucket = transfer.Bucket{Root: transfer.RootOf(c.Prefix), PartSize: s.c.PartSize, MaxParts: transfer.MaxParts, Stat: s.Stat, Fail: s.fail,
		Object: func(key, writer string) transfer.Object { return &upload{s: s, key: key, writer: writer} }}
	s.client = awss3.New(awss3.Options{
		Region:       region(c),
		Credentials:  credentialsOf(c),
		UsePathStyle: c.PathStyle,
		HTTPClient:   &http.Client{Transport: s.server},
		// What older stores do not know is left out; bodies are signed by SHA-256 all the same.
		RequestChecksumCalculation:                aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:                aws.ResponseChecksumValidationWhenRequired,
		DisableLogOutputChecksumValidationSkipped: true,
		AppID: "seikan",
	}, func(o *awss3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
	})
	return s, nil
}

var amazonHost = regexp.MustCompile(`://s3[.-](?:dualstack\.)?([a-z]+(?:-[a-z]+)+-[0-9]+)\.amazonaws\.com`)

// region is the configured one, the one in the name of Amazon's host, or the usual one.
func region(c Config) string {
	if c.Region != "" {
		return c.Region
	}
	if m := amazonHost.FindStringSubmatch(c.Endpoint); m != nil {
		return m[1]
	}
	return cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return s.bucket.Put(ctx, name, r)
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return s.bucket.Create(ctx, name, r)
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	return s.bucket.Read(ctx, name, offset, length, func(ctx context.Context, offset, length int64, etag string) (transfer.Body, error) {
		in := &awss3.GetObjectInput{Bucket: &s.c.Bucket, Key: aws.String(s.bucket.Root + name)}
		if rng := transfer.Range(offset, length); rng != "" {
			in.Range = &rng
		}
		if etag != "" {
			in.IfMatch = &etag
		}
		out, err := s.client.GetObject(ctx, in)
		switch status := statusOf(err); {
		case status == http.StatusRequestedRangeNotSatisfiable:
			return transfer.Empty(), nil
		case err != nil && (status == http.StatusNotFound || status == http.StatusPreconditionFailed):
			return transfer.Body{}, transfer.Final{Err: err}
		case err != nil:
			return transfer.Body{}, err
		}
		return transfer.Body{ReadCloser: out.Body, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag)}, nil
	})
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	err := storage.CheckName(name)
	if err != nil {
		return storage.Info{}, s.fail(ctx, "stat", name, err)
	}
	rctx, cancel := context.WithTimeout(ctx, transfer.RequestTimeout)
	defer cancel()
	out, err := s.client.HeadObject(rctx, &awss3.HeadObjectInput{Bucket: &s.c.Bucket, Key: aws.String(s.bucket.Root + name)})
	if statusOf(err) == http.StatusNotFound { // a head has no body that says what is missing
		if _, berr := s.client.HeadBucket(rctx, &awss3.HeadBucketInput{Bucket: &s.c.Bucket}); statusOf(berr) == http.StatusNotFound {
			err = &types.NoSuchBucket{}
		}
	}
	if err != nil {
		return storage.Info{}, s.fail(ctx, "stat", name, err)
	}
	return storage.Info{Name: name, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified)}, nil
}

// Delete implements storage.Store, a thousand names a request.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	if err := s.bucket.CheckNames(ctx, "delete", names); err != nil {
		return err
	}
	for len(names) > 0 {
		batch := names[:min(1000, len(names))]
		names = names[len(batch):]
		if err := s.deleteBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteBatch(ctx context.Context, names []string) error {
	rctx, cancel := context.WithTimeout(ctx, transfer.RequestTimeout)
	defer cancel()
	if len(names) == 1 {
		_, err := s.client.DeleteObject(rctx, &awss3.DeleteObjectInput{Bucket: &s.c.Bucket, Key: aws.String(s.bucket.Root + names[0])})
		if err != nil && codeOf(err) != "NoSuchKey" {
			return s.fail(ctx, "delete", names[0], err)
		}
		return nil
	}
	in := &awss3.DeleteObjectsInput{Bucket: &s.c.Bucket, Delete: &types.Delete{Quiet: aws.Bool(true)}}
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: aws.String(s.bucket.Root + name)})
		}
	}
	out, err := s.client.DeleteObjects(rctx, in)
	if err != nil {
		return s.fail(ctx, "delete", names[0], err)
	}
	for _, e := range out.Errors {
		if aws.ToString(e.Code) != "NoSuchKey" {
			return s.fail(ctx, "delete", s.bucket.Name(aws.ToString(e.Key)), &apiError{code: aws.ToString(e.Code), message: aws.ToString(e.Message)})
		}
	}
	return nil
}

// Sweep removes the parts of uploads that were begun a day ago and never finished, as a killed
// process leaves them.
func (s *Store) Sweep(ctx context.Context) error {
	p := awss3.NewListMultipartUploadsPaginator(s.client, &awss3.ListMultipartUploadsInput{Bucket: &s.c.Bucket, Prefix: &s.bucket.Root})
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			return s.fail(ctx, "list", "", err)
		}
		for _, u := range out.Uploads {
			if time.Since(aws.ToTime(u.Initiated)) < staleAfter {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.c.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil && codeOf(err) != "NoSuchUpload" {
				return s.fail(ctx, "delete", s.bucket.Name(aws.ToString(u.Key)), err)
			}
		}
	}
	return nil
}

// String is the location as a URL.
func (s *Store) String() string {
	return strings.TrimSuffix("s3://"+s.c.Bucket+"/"+s.bucket.Root, "/")
}

// Close lets go of idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// upload is one object being written.
type upload struct {
	s      *Store
	key    string
	id     *string
	writer string // of a Create: tells whose object it is when an answer was lost
	etags  transfer.Tags
}

const writerKey = "seikan-writer"

func (u *upload) condition() (ifNoneMatch *string, metadata map[string]string) {
	if u.writer == "" {
		return nil, nil
	}
	return aws.String("*"), map[string]string{writerKey: u.writer}
}

func (u *upload) encryption() (types.ServerSideEncryption, *string) {
	var key *string
	if u.s.c.KMSKey != "" {
		key = &u.s.c.KMSKey
	}
	return types.ServerSideEncryption(u.s.c.Encryption), key
}

func (u *upload) Whole(ctx context.Context, body []byte) error {
	in := &awss3.PutObjectInput{Bucket: &u.s.c.Bucket, Key: &u.key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body)))}
	in.IfNoneMatch, in.Metadata = u.condition()
	in.ServerSideEncryption, in.SSEKMSKeyId = u.encryption()
	return u.publish(ctx, func() error {
		out, err := u.s.client.PutObject(ctx, in)
		if err == nil && out.ETag == nil {
			err = errForeign
		}
		return err
	})
}

func (u *upload) Begin(ctx context.Context) error {
	in := &awss3.CreateMultipartUploadInput{Bucket: &u.s.c.Bucket, Key: &u.key}
	_, in.Metadata = u.condition()
	in.ServerSideEncryption, in.SSEKMSKeyId = u.encryption()
	out, err := u.s.client.CreateMultipartUpload(ctx, in)
	if err == nil {
		u.id = out.UploadId
	}
	return err
}

func (u *upload) Part(ctx context.Context, n int, body []byte) error {
	out, err := u.s.client.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &u.s.c.Bucket, Key: &u.key, UploadId: u.id, PartNumber: aws.Int32(int32(n)),
		Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body)))})
	if err == nil {
		u.etags.Set(n, aws.ToString(out.ETag))
	}
	return err
}

func (u *upload) Complete(ctx context.Context, n int) error {
	in := &awss3.CompleteMultipartUploadInput{Bucket: &u.s.c.Bucket, Key: &u.key, UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{}}
	in.IfNoneMatch, _ = u.condition()
	for i := range n {
		in.MultipartUpload.Parts = append(in.MultipartUpload.Parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: aws.String(u.etags.Get(i + 1))})
	}
	return u.publish(ctx, func() error {
		_, err := u.s.client.CompleteMultipartUpload(ctx, in)
		return err
	})
}

func (u *upload) Abort(ctx context.Context) error {
	_, err := u.s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &u.s.c.Bucket, Key: &u.key, UploadId: u.id})
	if codeOf(err) == "NoSuchUpload" {
		return nil
	}
	return err
}

// publish runs the step that makes the object visible. When a Create is told that the name is
// taken, the object may be its own: the SDK repeats a request whose answer was lost.
func (u *upload) publish(ctx context.Context, do func() error) error {
	for try := 0; ; try++ {
		err := do()
		status := statusOf(err)
		if u.writer == "" || status != http.StatusPreconditionFailed && status != http.StatusConflict {
			return err
		}
		out, herr := u.s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &u.s.c.Bucket, Key: &u.key})
		switch {
		case herr == nil && out.Metadata[writerKey] == u.writer:
			return nil
		case herr == nil:
			return storage.ErrExist
		case statusOf(herr) != http.StatusNotFound || try == 4:
			return err
		}
		// 409: another one is being written at the same time, or was and is deleted. Again.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try+1) * 100 * time.Millisecond):
		}
	}
}
