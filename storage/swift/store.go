package swift

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/ncw/swift/v2"
	"golang.org/x/sync/errgroup"

	"seikan/storage"
	"seikan/storage/transfer"
)

// Store implements storage.Store, all but Create: two writers that both find a name free can both
// succeed in Swift. Temporary URLs are never used.
//
// An object larger than a segment is a manifest that names segments in another container. Its
// manifest makes it visible. The segments of a large object that was replaced stay until Sweep
// finds them, so that who reads it can read on.
type Store struct {
	c         Config
	conn      *sdk.Connection
	transport *http.Transport
	bucket    transfer.Bucket
}

// Open prepares a store; nothing is sent yet.
func Open(_ context.Context, c Config) (*Store, error) {
	s := &Store{c: c, transport: transfer.HTTPTransport()}
	s.bucket = transfer.Bucket{Root: transfer.RootOf(c.Prefix), PartSize: s.c.SegmentSize, MaxParts: maxSegments, Stat: s.Stat, Fail: s.fail,
		Object: func(key, _ string) transfer.Object { return &upload{s: s, key: key} }}
	s.conn = &sdk.Connection{
		AuthUrl: c.AuthURL, AuthVersion: c.Version, UserName: c.User, ApiKey: c.Key, ApplicationCredentialId: c.Credential, ApplicationCredentialSecret: c.Secret,
		Tenant: c.Tenant, Region: c.Region, EndpointType: sdk.EndpointType(c.EndpointType),
		ConnectTimeout: 30 * time.Second, Timeout: time.Minute, UserAgent: "seikan", Transport: s.transport,
	}
	if c.Version == 3 {
		s.conn.Domain, s.conn.TenantDomain = c.Domain, c.TenantHome
		if c.Credential != "" {
			s.conn.Domain = ""
		}
	}
	return s, nil
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return s.bucket.Put(ctx, name, r)
}

// Create is not supported.
func (s *Store) Create(ctx context.Context, name string, _ io.Reader) (storage.Info, error) {
	return storage.Info{}, s.fail(ctx, "create", name, fmt.Errorf("%w: Swift cannot tell which of two writers was first", storage.ErrNotSupported))
}

// call sends one request to the store, again when it fails in a way that may pass.
func (s *Store) call(ctx context.Context, o sdk.RequestOpts) (*http.Response, sdk.Headers, error) {
	for try := 0; ; try++ {
		if body, ok := o.Body.(io.Seeker); ok && try > 0 {
			if _, err := body.Seek(0, io.SeekStart); err != nil {
				return nil, nil, err
			}
		}
		url, err := s.conn.GetStorageUrl(ctx)
		if err != nil {
			return nil, nil, &authError{err}
		}
		o.OnReAuth = func() (string, error) { return s.conn.StorageUrl, nil }
		resp, headers, err := s.conn.Call(ctx, url, o)
		if err == nil || try == 3 || !mayPass(err) || ctx.Err() != nil {
			return resp, headers, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(time.Duration(try+1) * 300 * time.Millisecond):
		}
	}
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	return s.bucket.Read(ctx, name, offset, length, func(ctx context.Context, offset, length int64, etag string) (transfer.Body, error) {
		h := sdk.Headers{}
		if rng := transfer.Range(offset, length); rng != "" {
			h["Range"] = rng
		}
		if etag != "" {
			h["If-Match"] = etag
		}
		resp, headers, err := s.call(ctx, sdk.RequestOpts{Container: s.c.Container, ObjectName: s.bucket.Root + name, Operation: "GET", Headers: h})
		switch status := statusOf(err); {
		case status == http.StatusRequestedRangeNotSatisfiable:
			return transfer.Empty(), nil
		case err != nil && (status == http.StatusNotFound || status == http.StatusPreconditionFailed):
			return transfer.Body{}, transfer.Final{Err: s.missing(ctx, err)}
		case err != nil:
			return transfer.Body{}, err
		case resp.ContentLength < 0:
			return transfer.Body{}, errors.Join(errors.New("the store does not say how long the object is"), resp.Body.Close())
		}
		return transfer.Body{ReadCloser: resp.Body, Size: resp.ContentLength, ETag: headers["Etag"]}, nil
	})
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	err := storage.CheckName(name)
	var info storage.Info
	if err == nil {
		info, _, err = s.head(ctx, name)
	}
	if err != nil {
		return storage.Info{}, s.fail(ctx, "stat", name, s.missing(ctx, err))
	}
	return info, nil
}

func (s *Store) head(ctx context.Context, name string) (storage.Info, sdk.Headers, error) {
	resp, headers, err := s.call(ctx, sdk.RequestOpts{Container: s.c.Container, ObjectName: s.bucket.Root + name, Operation: "HEAD", NoResponse: true})
	if err != nil {
		return storage.Info{}, nil, err
	}
	size, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64)
	if err != nil {
		return storage.Info{}, nil, fmt.Errorf("the store does not say how long the object is: %w", err)
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified")) // absent for some large objects
	return storage.Info{Name: name, Size: size, ModTime: modified}, headers, nil
}

// missing tells a missing container from a missing object, both 404.
func (s *Store) missing(ctx context.Context, err error) error {
	if statusOf(err) != http.StatusNotFound {
		return err
	}
	if cerr := s.exists(ctx, s.c.Container); errors.Is(cerr, sdk.ContainerNotFound) {
		return cerr
	}
	return err
}

// exists returns ContainerNotFound for a container that is not there. (To a HEAD of such a container
// Swift sends more than its head.)
func (s *Store) exists(ctx context.Context, container string) error {
	_, err := s.objects(ctx, container, &sdk.ObjectsOpts{Limit: 1})
	return err
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if limit <= 0 {
		limit = 1000
	}
	if transfer.ImpossiblePrefix(prefix) || after > prefix && !strings.HasPrefix(after, prefix) {
		return storage.Page{}, s.fail(ctx, "list", prefix, ctx.Err())
	}
	var page storage.Page
	for start := after; ; {
		o := &sdk.ObjectsOpts{Prefix: s.bucket.Root + prefix, Limit: min(1000, limit-len(page.Objects)+1)}
		if start != "" {
			o.Marker = s.bucket.Root + start
		}
		found, err := s.objects(ctx, s.c.Container, o)
		if err != nil {
			return storage.Page{}, s.fail(ctx, "list", prefix, err)
		}
		for _, f := range found {
			start = s.bucket.Name(f.Name)
			info := storage.Info{Name: start, Size: f.Bytes, ModTime: f.LastModified}
			switch {
			case storage.CheckName(start) != nil: // a folder that another program made
				continue
			case len(page.Objects) == limit:
				page.Next = page.Objects[limit-1].Name
				return page, nil
			case f.Bytes == 0 && s.c.Dynamic: // a listing does not know the size of a dynamic object
				if found, _, err := s.head(ctx, start); err == nil {
					info = found
				}
			}
			page.Objects = append(page.Objects, info)
		}
		if len(found) < o.Limit {
			return page, nil
		}
	}
}

func (s *Store) objects(ctx context.Context, container string, o *sdk.ObjectsOpts) ([]sdk.Object, error) {
	if _, err := s.conn.GetStorageUrl(ctx); err != nil {
		return nil, &authError{err}
	}
	for try := 0; ; try++ {
		found, err := s.conn.Objects(ctx, container, o)
		if err == nil || try == 3 || !mayPass(err) || ctx.Err() != nil {
			return found, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(try+1) * 300 * time.Millisecond):
		}
	}
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	if err := s.bucket.CheckNames(ctx, "delete", names); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, name := range names {
		g.Go(func() error { return s.fail(ctx, "delete", name, s.deleteOne(gctx, name)) })
	}
	return g.Wait()
}

func (s *Store) deleteOne(ctx context.Context, name string) error {
	_, headers, err := s.head(ctx, name)
	if err == nil {
		var segments func() error
		if segments, err = s.segmentsOf(ctx, name, headers); err != nil {
			return err
		}
		if err = s.deleteObject(ctx, s.c.Container, s.bucket.Root+name); err == nil { // the manifest first: never a part is visible
			err = segments()
		}
	}
	if err = s.missing(ctx, err); statusOf(err) == http.StatusNotFound && !errors.Is(err, sdk.ContainerNotFound) {
		return nil
	}
	return err
}

func (s *Store) deleteObject(ctx context.Context, container, key string) error {
	_, _, err := s.call(ctx, sdk.RequestOpts{Container: container, ObjectName: key, Operation: "DELETE", NoResponse: true})
	return err
}

// String is the location as a URL.
func (s *Store) String() string {
	return strings.TrimSuffix("swift://"+s.c.Container+"/"+s.bucket.Root, "/")
}

// Close lets go of idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}
