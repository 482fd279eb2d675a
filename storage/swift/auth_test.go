package swift

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"seikan/storage/storagetest"
)

// keystone answers as versions 2 and 3 of Keystone's authentication do and hands out tokens of the
// real Swift. Its catalogue has a region that does not work before the one that does.
type keystone struct {
	t           *testing.T
	real        map[string]string
	stale       atomic.Int32 // so many tokens are not good
	tokensGiven atomic.Int32
}

func (k *keystone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Auth struct {
			PasswordCredentials struct{ Username, Password string }
			TenantName          string
			Identity            struct {
				Methods  []string
				Password struct {
					User struct {
						Name, Password string
						Domain         struct{ Name string }
					}
				}
				ApplicationCredential struct{ ID, Secret string } `json:"application_credential"`
			}
			Scope struct {
				Project struct {
					Name   string
					Domain struct{ Name string }
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, id := in.Auth, in.Auth.Identity
	var ok bool
	switch r.URL.Path {
	case "/v2.0/tokens":
		ok = a.PasswordCredentials.Username == "tester" && a.PasswordCredentials.Password == "pass" && a.TenantName == "parts"
	case "/v3/auth/tokens":
		ok = id.Password.User.Name == "tester" && id.Password.User.Password == "pass" && id.Password.User.Domain.Name == "Work" &&
			a.Scope.Project.Name == "parts" && a.Scope.Project.Domain.Name == "Home" ||
			id.ApplicationCredential.ID == "app" && id.ApplicationCredential.Secret == "pass"
	}
	if !ok {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	token, url := k.token()
	if k.tokensGiven.Add(1) <= k.stale.Load() {
		token = "AUTH_tkstale"
	}
	endpoint := func(region, url string) map[string]string {
		return map[string]string{"region": region, "publicURL": url, "internalURL": url, "interface": "public", "url": url, "id": region}
	}
	endpoints := []any{endpoint("dead", "http://127.0.0.1:1/v1/x"), endpoint("alive", url)}
	if r.URL.Path == "/v2.0/tokens" {
		_ = json.NewEncoder(w).Encode(map[string]any{"access": map[string]any{"token": map[string]any{"id": token, "expires": "2099-01-01T00:00:00Z"},
			"serviceCatalog": []any{map[string]any{"type": "object-store", "endpoints": endpoints}}}})
		return
	}
	w.Header().Set("X-Subject-Token", token)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"token": map[string]any{"expires_at": "2099-01-01T00:00:00.000000Z",
		"catalog": []any{map[string]any{"type": "object-store", "endpoints": endpoints}}}})
}

// token asks the real Swift.
func (k *keystone) token() (token, url string) {
	r, err := http.NewRequest(http.MethodGet, k.real[keyAuthURL], nil)
	if err != nil {
		k.t.Error(err)
		return
	}
	r.Header.Set("X-Auth-User", k.real[keyUser])
	r.Header.Set("X-Auth-Key", k.real[keyKey])
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		k.t.Error(err)
		return
	}
	_ = resp.Body.Close()
	return resp.Header.Get("X-Auth-Token"), resp.Header.Get("X-Storage-Url")
}

func TestEveryVersionOfTheAuthenticationWorks(t *testing.T) {
	t.Parallel()
	k := &keystone{t: t, real: openStack(t)}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	for name, change := range map[string]map[string]string{
		"v2":                        {keyAuthURL: server.URL + "/v2.0", keyUser: "tester", keyKey: "pass", keyTenant: "parts", keyRegion: "alive"},
		"v3":                        {keyAuthURL: server.URL + "/v3", keyUser: "tester", keyKey: "pass", keyTenant: "parts", keyDomain: "Work", keyTenantDomain: "Home", keyRegion: "alive"},
		"v3 application credential": {keyAuthURL: server.URL + "/v3", keyUser: "", keyKey: "", keyCredential: "app", keySecret: "pass", keyRegion: "alive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := connect(t, change)
			for _, size := range []int{10, 5 << 20} { // whole, and in segments
				text := strings.Repeat("x", size)
				if _, err := s.Put(t.Context(), "a", strings.NewReader(text)); err != nil {
					t.Fatal(err)
				}
				if info, err := s.Stat(t.Context(), "a"); err != nil || info.Size != int64(size) {
					t.Errorf("stat: %+v (%v)", info, err)
				}
			}
			change := map[string]string{keyKey: "wrong", keySecret: "wrong"}
			for key, value := range change {
				if name == "v3 application credential" == (key == keyKey) {
					continue
				}
				bad := offline(t, merge(changeOf(s), map[string]string{key: value}))
				storagetest.Refused(t, storagetest.WriteOnce(t.Context(), bad), []string{key})
			}
			bad := offline(t, merge(changeOf(s), map[string]string{keyRegion: "nowhere"}))
			storagetest.Refused(t, storagetest.WriteOnce(t.Context(), bad), []string{keyRegion, "nowhere"})
		})
	}
}

// changeOf is the configuration of a store as keys.
func changeOf(s *Store) map[string]string {
	return map[string]string{keyAuthURL: s.c.AuthURL, keyUser: s.c.User, keyKey: s.c.Key, keyTenant: s.c.Tenant, keyDomain: s.c.Domain, keyTenantDomain: s.c.TenantHome,
		keyCredential: s.c.Credential, keySecret: s.c.Secret, keyRegion: s.c.Region}
}

func merge(a, b map[string]string) map[string]string {
	for k, v := range b {
		a[k] = v
	}
	return a
}

func TestATokenThatIsNoLongerGoodIsRenewed(t *testing.T) {
	t.Parallel()
	k := &keystone{t: t, real: openStack(t)}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	s := connect(t, map[string]string{keyAuthURL: server.URL + "/v2.0", keyUser: "tester", keyKey: "pass", keyTenant: "parts", keyRegion: "alive"})
	if _, err := s.Put(t.Context(), "a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	k.stale.Store(k.tokensGiven.Load() + 1)
	s.conn.UnAuthenticate() // the next token is stale
	if _, err := s.Put(t.Context(), "b", strings.NewReader(strings.Repeat("y", 5<<20))); err != nil {
		t.Error(err)
	}
	page, err := s.List(t.Context(), "", "", 10)
	if err != nil || fmt.Sprint(len(page.Objects)) != "2" || page.Objects[1].Size != 5<<20 {
		t.Errorf("%+v (%v)", page, err)
	}
}

func TestDeleteTakesTheSegmentsAlong(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"static", "dynamic"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := connect(t, map[string]string{keyLarge: kind})
			for _, name := range []string{"a", "b"} {
				if _, err := s.Put(t.Context(), name, strings.NewReader(strings.Repeat("z", 5<<20))); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			left, err := s.conn.ObjectNamesAll(t.Context(), s.c.Segments, nil)
			if err != nil || len(left) != 3 || !strings.HasPrefix(left[0], s.bucket.Root+"b/") {
				t.Errorf("segments %q are left (%v)", left, err)
			}
			if err := s.Sweep(t.Context()); err != nil { // all are young, and used
				t.Error(err)
			}
			for _, folder := range []string{left[0][:strings.LastIndexByte(left[0], '/')], s.bucket.Root + "b/gone"} {
				used, err := s.uses(t.Context(), s.bucket.Root+"b", folder)
				if err != nil || used != !strings.HasSuffix(folder, "gone") {
					t.Errorf("%s is used: %v (%v)", folder, used, err)
				}
			}
		})
	}
}
