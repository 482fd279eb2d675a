package swift

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	sdk "github.com/ncw/swift/v2"
	"golang.org/x/sync/errgroup"

	"seikan/storage/transfer"
)

const (
	// maxSegments is Swift's default for the segments of a static large object.
	maxSegments = 1000
	// staleAfter is the age at which a segment without a manifest is nobody's any more.
	staleAfter = 24 * time.Hour
)

// upload is one object being written. Its segments have names of their own, so that two writers
// never mix.
type upload struct {
	s      *Store
	key    string
	folder string // of the segments
	etags  transfer.Tags
	sizes  [maxSegments]int
}

func headers(body []byte) sdk.Headers {
	sum := md5.Sum(body) // what Swift checks
	return sdk.Headers{"Content-Length": strconv.Itoa(len(body)), "Content-Type": "application/octet-stream", "Etag": hex.EncodeToString(sum[:])}
}

func (u *upload) put(ctx context.Context, container, key string, body []byte, h sdk.Headers, query url.Values) (sdk.Headers, error) {
	_, out, err := u.s.call(ctx, sdk.RequestOpts{Container: container, ObjectName: key, Operation: "PUT", Headers: h, Parameters: query, Body: bytes.NewReader(body), NoResponse: true})
	return out, err
}

func (u *upload) Whole(ctx context.Context, body []byte) error {
	_, err := u.put(ctx, u.s.c.Container, u.key, body, headers(body), nil)
	return u.s.missing(ctx, err)
}

func (u *upload) Begin(ctx context.Context) error {
	var b [8]byte
	_, _ = rand.Read(b[:])
	u.folder = u.key + "/" + hex.EncodeToString(b[:])
	err := u.s.exists(ctx, u.s.c.Segments)
	if errors.Is(err, sdk.ContainerNotFound) {
		_, _, err = u.s.call(ctx, sdk.RequestOpts{Container: u.s.c.Segments, Operation: "PUT", NoResponse: true, ErrorMap: sdk.ContainerErrorMap})
	}
	if err != nil {
		return fmt.Errorf("the container %s for segments: %w", u.s.c.Segments, err)
	}
	return nil
}

func (u *upload) segment(n int) string { return fmt.Sprintf("%s/%08d", u.folder, n) }

func (u *upload) Part(ctx context.Context, n int, body []byte) error {
	h := headers(body)
	u.etags.Set(n, h["Etag"])
	u.sizes[n-1] = len(body) // each n is written by one goroutine, read after all ended
	_, err := u.put(ctx, u.s.c.Segments, u.segment(n), body, h, nil)
	return err
}

func (u *upload) Complete(ctx context.Context, n int) error {
	if u.s.c.Dynamic {
		h := headers(nil)
		h["X-Object-Manifest"] = (&url.URL{Path: u.s.c.Segments + "/" + u.folder + "/"}).EscapedPath()
		_, err := u.put(ctx, u.s.c.Container, u.key, nil, h, nil)
		return u.s.missing(ctx, err)
	}
	type entry struct {
		Path string `json:"path"`
		ETag string `json:"etag"`
		Size int    `json:"size_bytes"`
	}
	entries := make([]entry, n)
	for i := range entries {
		entries[i] = entry{"/" + u.s.c.Segments + "/" + u.segment(i+1), u.etags.Get(i + 1), u.sizes[i]}
	}
	body, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	h := sdk.Headers{"Content-Length": strconv.Itoa(len(body)), "Content-Type": "application/octet-stream"}
	_, err = u.put(ctx, u.s.c.Container, u.key, body, h, url.Values{"multipart-manifest": {"put"}})
	return u.s.missing(ctx, err)
}

func (u *upload) Abort(ctx context.Context) error {
	return u.s.deleteFolder(ctx, u.s.c.Segments, u.folder+"/")
}

// deleteFolder deletes all objects of a container that begin so.
func (s *Store) deleteFolder(ctx context.Context, container, prefix string) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for after := ""; ; {
		found, err := s.objects(ctx, container, &sdk.ObjectsOpts{Prefix: prefix, Marker: after, Limit: 1000})
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		for _, f := range found {
			after = f.Name
			g.Go(func() error {
				if err := s.deleteObject(gctx, container, f.Name); statusOf(err) != http.StatusNotFound {
					return err
				}
				return nil
			})
		}
		if len(found) == 0 {
			return g.Wait()
		}
	}
}

// segmentsOf returns what deletes the segments of an object, found before its manifest is gone.
func (s *Store) segmentsOf(ctx context.Context, name string, h sdk.Headers) (func() error, error) {
	if manifest := h["X-Object-Manifest"]; manifest != "" {
		container, prefix, err := dynamicManifest(manifest)
		if err != nil {
			return nil, err
		}
		return func() error { return s.deleteFolder(ctx, container, prefix) }, nil
	}
	if !h.IsLargeObjectSLO() {
		return func() error { return nil }, nil
	}
	entries, err := s.staticManifest(ctx, s.bucket.Root+name)
	if err != nil {
		return nil, err
	}
	return func() error {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(8)
		for _, e := range entries {
			container, key, _ := strings.Cut(strings.TrimPrefix(e, "/"), "/")
			g.Go(func() error {
				if err := s.deleteObject(gctx, container, key); statusOf(err) != http.StatusNotFound {
					return err
				}
				return nil
			})
		}
		return g.Wait()
	}, nil
}

func dynamicManifest(header string) (container, prefix string, err error) {
	path, err := url.PathUnescape(header)
	container, prefix, _ = strings.Cut(path, "/")
	if err == nil && (container == "" || prefix == "") {
		err = fmt.Errorf("manifest %q names no folder", header)
	}
	return container, prefix, err
}

// staticManifest lists the segments, as /container/name.
func (s *Store) staticManifest(ctx context.Context, key string) ([]string, error) {
	resp, _, err := s.call(ctx, sdk.RequestOpts{Container: s.c.Container, ObjectName: key, Operation: "GET", Parameters: url.Values{"multipart-manifest": {"get"}}})
	if err != nil {
		return nil, err
	}
	var entries []struct{ Name string }
	err = errors.Join(json.NewDecoder(resp.Body).Decode(&entries), resp.Body.Close())
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names, err
}

// Sweep removes segments older than a day that no manifest names: of large objects that were
// replaced, and of writers that were killed.
func (s *Store) Sweep(ctx context.Context) error {
	used := map[string]bool{} // folders of segments
	last := ""
	for after := ""; ; {
		found, err := s.objects(ctx, s.c.Segments, &sdk.ObjectsOpts{Prefix: s.bucket.Root, Marker: after, Limit: 1000})
		if errors.Is(err, sdk.ContainerNotFound) {
			return nil
		}
		if err != nil {
			return s.fail(ctx, "list", "", err)
		}
		for _, f := range found {
			after = f.Name
			folder := f.Name[:max(0, strings.LastIndexByte(f.Name, '/'))]
			key := folder[:max(0, strings.LastIndexByte(folder, '/'))]
			if key == "" || time.Since(f.LastModified) < staleAfter {
				continue
			}
			if folder != last {
				if used[folder], err = s.uses(ctx, key, folder); err != nil {
					return s.fail(ctx, "stat", s.bucket.Name(key), err)
				}
				last = folder
			}
			if used[folder] {
				continue
			}
			if err := s.deleteObject(ctx, s.c.Segments, f.Name); err != nil && statusOf(err) != http.StatusNotFound {
				return s.fail(ctx, "delete", s.bucket.Name(f.Name), err)
			}
		}
		if len(found) == 0 {
			return nil
		}
	}
}

// uses reports whether the object's manifest names segments of the folder.
func (s *Store) uses(ctx context.Context, key, folder string) (bool, error) {
	_, h, err := s.head(ctx, s.bucket.Name(key))
	if statusOf(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if manifest := h["X-Object-Manifest"]; manifest != "" {
		_, prefix, err := dynamicManifest(manifest)
		return prefix == folder+"/", err
	}
	if !h.IsLargeObjectSLO() {
		return false, nil
	}
	entries, err := s.staticManifest(ctx, key)
	for _, e := range entries {
		if strings.HasPrefix(e, "/"+s.c.Segments+"/"+folder+"/") {
			return true, err
		}
	}
	return false, err
}
