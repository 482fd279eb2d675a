package oss

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	sdk "github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"

	"seikan/storage"
	"seikan/storage/transfer"
)

// Store implements storage.Store. Create uses OSS's x-oss-forbid-overwrite, which has no effect in
// buckets that keep versions.
type Store struct {
	c         Config
	client    *sdk.Client
	transport *http.Transport
	bucket    transfer.Bucket
}

const staleAfter = 24 * time.Hour // of an upload nobody has finished

// Open prepares a store; nothing is sent yet.
func Open(_ context.Context, c Config) (*Store, error) {
	s := &Store{c: c, transport: transfer.HTTPTransport()}
	s.bucket = transfer.Bucket{Root: transfer.RootOf(c.Prefix), PartSize: s.c.PartSize, MaxParts: transfer.MaxParts, Stat: s.Stat, Fail: s.fail,
		Object: func(key, writer string) transfer.Object { return &upload{s: s, key: key, writer: writer} }}
	cfg := sdk.NewConfig().WithEndpoint(c.Endpoint).WithRegion(c.Region).WithUsePathStyle(c.PathStyle).WithUseCName(c.CName).WithUserAgent("seikan").
		WithHttpClient(&http.Client{Transport: s.transport}).WithCredentialsProvider(credentialsOf(c)).WithSignatureVersion(sdk.SignatureVersionV4)
	if c.V1 {
		cfg = cfg.WithSignatureVersion(sdk.SignatureVersionV1)
	}
	s.client = sdk.NewClient(cfg)
	return s, nil
}

var errNoCredentials = errors.New("no credentials were found")

func credentialsOf(c Config) credentials.CredentialsProvider {
	if c.Access != "" {
		return credentials.NewStaticCredentialsProvider(c.Access, c.Secret, c.Token)
	}
	environment, role := credentials.NewEnvironmentVariableCredentialsProvider(), credentials.NewEcsRoleCredentialsProvider()
	return credentials.CredentialsProviderFunc(func(ctx context.Context) (credentials.Credentials, error) {
		found, err := environment.GetCredentials(ctx)
		if err == nil && found.HasKeys() {
			return found, nil
		}
		if found, err = role.GetCredentials(ctx); err != nil {
			err = fmt.Errorf("%w: %w", errNoCredentials, err)
		}
		return found, err
	})
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
		in := &sdk.GetObjectRequest{Bucket: &s.c.Bucket, Key: sdk.Ptr(s.bucket.Root + name)}
		if rng := transfer.Range(offset, length); rng != "" {
			in.Range, in.RangeBehavior = &rng, sdk.Ptr("standard")
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
		return transfer.Body{ReadCloser: out.Body, Size: out.ContentLength, ETag: sdk.ToString(out.ETag)}, nil
	})
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	if err := storage.CheckName(name); err != nil {
		return storage.Info{}, s.fail(ctx, "stat", name, err)
	}
	rctx, cancel := context.WithTimeout(ctx, transfer.RequestTimeout)
	defer cancel()
	out, err := s.client.HeadObject(rctx, &sdk.HeadObjectRequest{Bucket: &s.c.Bucket, Key: sdk.Ptr(s.bucket.Root + name)})
	if err != nil {
		return storage.Info{}, s.fail(ctx, "stat", name, err)
	}
	return storage.Info{Name: name, Size: out.ContentLength, ModTime: sdk.ToTime(out.LastModified)}, nil
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if limit <= 0 {
		limit = 1000
	}
	if transfer.ImpossiblePrefix(prefix) || after > prefix && !strings.HasPrefix(after, prefix) {
		return storage.Page{}, s.fail(ctx, "list", prefix, ctx.Err())
	}
	rctx, cancel := context.WithTimeout(ctx, transfer.RequestTimeout)
	defer cancel()
	var page storage.Page
	for start, more := after, true; more; {
		in := &sdk.ListObjectsV2Request{Bucket: &s.c.Bucket, Prefix: sdk.Ptr(s.bucket.Root + prefix), MaxKeys: int32(min(1000, limit-len(page.Objects)+1))}
		if start != "" {
			in.StartAfter = sdk.Ptr(s.bucket.Root + start)
		}
		out, err := s.client.ListObjectsV2(rctx, in)
		if err != nil {
			return storage.Page{}, s.fail(ctx, "list", prefix, err)
		}
		more = out.IsTruncated && len(out.Contents) > 0
		for _, o := range out.Contents {
			start = s.bucket.Name(sdk.ToString(o.Key))
			switch {
			case storage.CheckName(start) != nil: // a folder that another program made
			case len(page.Objects) == limit:
				page.Next = page.Objects[limit-1].Name
				return page, nil
			default:
				page.Objects = append(page.Objects, storage.Info{Name: start, Size: o.Size, ModTime: sdk.ToTime(o.LastModified)})
			}
		}
	}
	return page, nil
}

// Delete implements storage.Store, a thousand names a request.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	if err := s.bucket.CheckNames(ctx, "delete", names); err != nil {
		return err
	}
	rctx, cancel := context.WithTimeout(ctx, transfer.RequestTimeout)
	defer cancel()
	if len(names) == 1 {
		_, err := s.client.DeleteObject(rctx, &sdk.DeleteObjectRequest{Bucket: &s.c.Bucket, Key: sdk.Ptr(s.bucket.Root + names[0])})
		if codeOf(err) == "NoSuchKey" {
			err = nil
		}
		return s.fail(ctx, "delete", names[0], err)
	}
	for len(names) > 0 {
		batch := names[:min(1000, len(names))]
		names = names[len(batch):]
		in := &sdk.DeleteMultipleObjectsRequest{Bucket: &s.c.Bucket, Quiet: true}
		seen := map[string]bool{}
		for _, name := range batch {
			if !seen[name] {
				seen[name] = true
				in.Objects = append(in.Objects, sdk.DeleteObject{Key: sdk.Ptr(s.bucket.Root + name)})
			}
		}
		if _, err := s.client.DeleteMultipleObjects(rctx, in); err != nil {
			return s.fail(ctx, "delete", batch[0], err)
		}
	}
	return nil
}

// Sweep removes the parts of uploads that were begun a day ago and never finished, as a killed
// process leaves them.
func (s *Store) Sweep(ctx context.Context) error {
	p := s.client.NewListMultipartUploadsPaginator(&sdk.ListMultipartUploadsRequest{Bucket: &s.c.Bucket, Prefix: &s.bucket.Root})
	for p.HasNext() {
		out, err := p.NextPage(ctx)
		if err != nil {
			return s.fail(ctx, "list", "", err)
		}
		for _, u := range out.Uploads {
			if u.Initiated == nil || time.Since(*u.Initiated) < staleAfter {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadRequest{Bucket: &s.c.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil && codeOf(err) != "NoSuchUpload" {
				return s.fail(ctx, "delete", s.bucket.Name(sdk.ToString(u.Key)), err)
			}
		}
	}
	return nil
}

// String is the location as a URL.
func (s *Store) String() string {
	return strings.TrimSuffix("oss://"+s.c.Bucket+"/"+s.bucket.Root, "/")
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

func (u *upload) condition() (forbidOverwrite *string, metadata map[string]string) {
	if u.writer == "" {
		return nil, nil
	}
	return sdk.Ptr("true"), map[string]string{writerKey: u.writer}
}

func (u *upload) Whole(ctx context.Context, body []byte) error {
	in := &sdk.PutObjectRequest{Bucket: &u.s.c.Bucket, Key: &u.key, Body: bytes.NewReader(body), ContentLength: sdk.Ptr(int64(len(body)))}
	in.ForbidOverwrite, in.Metadata = u.condition()
	out, err := u.s.client.PutObject(ctx, in)
	if err == nil && out.ETag == nil {
		err = errForeign
	}
	return u.published(ctx, err)
}

func (u *upload) Begin(ctx context.Context) error {
	in := &sdk.InitiateMultipartUploadRequest{Bucket: &u.s.c.Bucket, Key: &u.key}
	in.ForbidOverwrite, in.Metadata = u.condition()
	out, err := u.s.client.InitiateMultipartUpload(ctx, in)
	if err == nil {
		u.id = out.UploadId
	}
	return u.published(ctx, err)
}

func (u *upload) Part(ctx context.Context, n int, body []byte) error {
	out, err := u.s.client.UploadPart(ctx, &sdk.UploadPartRequest{Bucket: &u.s.c.Bucket, Key: &u.key, UploadId: u.id, PartNumber: int32(n),
		Body: bytes.NewReader(body), ContentLength: sdk.Ptr(int64(len(body)))})
	if err == nil {
		u.etags.Set(n, sdk.ToString(out.ETag))
	}
	return err
}

func (u *upload) Complete(ctx context.Context, n int) error {
	in := &sdk.CompleteMultipartUploadRequest{Bucket: &u.s.c.Bucket, Key: &u.key, UploadId: u.id, CompleteMultipartUpload: &sdk.CompleteMultipartUpload{}}
	in.ForbidOverwrite, _ = u.condition()
	for i := range n {
		in.CompleteMultipartUpload.Parts = append(in.CompleteMultipartUpload.Parts, sdk.UploadPart{PartNumber: int32(i + 1), ETag: sdk.Ptr(u.etags.Get(i + 1))})
	}
	_, err := u.s.client.CompleteMultipartUpload(ctx, in)
	return u.published(ctx, err)
}

func (u *upload) Abort(ctx context.Context) error {
	_, err := u.s.client.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadRequest{Bucket: &u.s.c.Bucket, Key: &u.key, UploadId: u.id})
	if codeOf(err) == "NoSuchUpload" {
		return nil
	}
	return err
}

// published looks at a refusal because the name is taken: the object may be our own, as the SDK
// repeats a request whose answer was lost.
func (u *upload) published(ctx context.Context, err error) error {
	if u.writer == "" || codeOf(err) != "FileAlreadyExists" {
		return err
	}
	out, herr := u.s.client.HeadObject(ctx, &sdk.HeadObjectRequest{Bucket: &u.s.c.Bucket, Key: &u.key})
	if herr == nil && out.Metadata[writerKey] == u.writer {
		return nil
	}
	return storage.ErrExist
}
