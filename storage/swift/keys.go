// Package swift keeps objects in a container of OpenStack Swift.
package swift

import (
	"net/url"
	"regexp"
	"strings"

	"seikan/storage"
)

// Names of keys that messages speak of.
const (
	keyAuthURL      = "swift.auth-url"
	keyUser         = "swift.user"
	keyKey          = "swift.key"
	keyContainer    = "swift.container"
	keyRegion       = "swift.region"
	keyDomain       = "swift.domain"
	keyTenant       = "swift.tenant"
	keyTenantDomain = "swift.tenant-domain"
	keyVersion      = "swift.auth-version"
	keyCredential   = "swift.application-credential-id"
	keySecret       = "swift.application-credential-secret"
	keyEndpointType = "swift.endpoint-type"
	keyLarge        = "swift.large-object"
	keySegmentSize  = "swift.segment-size"
	keySegments     = "swift.segments-container"
)

// Keys are the configuration keys of this backend.
var Keys = []storage.Key{
	{Name: keyContainer, Doc: "The container, as a name or as `swift://name`. It must exist. A folder in it is given by `namespace`.", Required: true, Example: "swift://my-container"},
	{Name: keyAuthURL, Doc: "The address of Keystone, or of Swift's own authentication (v1).", Required: true, Example: "https://keystone.example.com:5000/v3", Old: []string{"fs.swift.auth.url"}},
	{Name: keyUser, Doc: "The user; with v1 `account:user`.", Old: []string{"fs.swift.username"}},
	{Name: keyKey, Doc: "The user's password or key.", Sensitive: true, Old: []string{"fs.swift.password"}},
	{Name: keyTenant, Doc: "The project (v3) or tenant (v2).", Old: []string{"fs.swift.tenant", "swift.project"}},
	{Name: keyDomain, Doc: "The user's domain (v3).", Default: "Default", Old: []string{"fs.swift.domain"}},
	{Name: keyTenantDomain, Doc: "The project's domain (v3). Default: the user's."},
	{Name: keyCredential, Doc: "The id of an application credential (v3), in place of user and key."},
	{Name: keySecret, Doc: "The secret of the application credential.", Sensitive: true},
	{Name: keyVersion, Doc: "`1`, `2` or `3`. Default: the one in the path of " + keyAuthURL + "."},
	{Name: keyRegion, Doc: "The region. Default: the first one in Keystone's catalogue.", Old: []string{"fs.swift.region"}},
	{Name: keyEndpointType, Doc: "Which address of Swift to take from the catalogue: `public`, `internal` or `admin`.", Default: "public"},
	{Name: keyLarge, Doc: "How objects larger than one segment are kept: `static` (SLO) or `dynamic` (DLO, for clusters without SLO).", Default: "static"},
	{Name: keySegmentSize, Doc: "Size of the segments of large objects, 1M to 1G. An object has at most 1000 segments. A write holds two segments in memory, or more when they are small: up to 24M and one.", Default: "16M"},
	{Name: keySegments, Doc: "The container for segments, made when it is first needed. Default: the container's name and `_segments`."},
}

// Config is what Open needs.
type Config struct {
	Container, Prefix          string // Prefix has no slash at its ends
	AuthURL                    string
	Version                    int // 1, 2 or 3
	User, Key                  string
	Credential, Secret         string // application credential
	Tenant, Domain, TenantHome string
	Region, EndpointType       string
	Dynamic                    bool
	SegmentSize                int
	Segments                   string
}

var versionInPath = regexp.MustCompile(`/v([123])(\.0)?/?$`)

// Parse reads the keys; prefix is the folder in the container.
func Parse(given map[string]string, prefix string) (Config, *storage.Values) {
	v := storage.ReadKeys(Keys, given)
	c := Config{Prefix: strings.Trim(prefix, "/"), AuthURL: v.String(keyAuthURL), User: v.String(keyUser), Key: v.String(keyKey), Credential: v.String(keyCredential), Secret: v.String(keySecret),
		Tenant: v.String(keyTenant), Domain: v.String(keyDomain), TenantHome: v.String(keyTenantDomain), Region: v.String(keyRegion),
		EndpointType: v.OneOf(keyEndpointType, "public", "internal", "admin"), Dynamic: v.OneOf(keyLarge, "static", "dynamic") == "dynamic",
		SegmentSize: int(v.Size(keySegmentSize, 1<<20, 1<<30)), Segments: v.String(keySegments)}
	c.Container = v.String(keyContainer)
	if scheme, rest, ok := strings.Cut(c.Container, "://"); ok && strings.EqualFold(scheme, "swift") {
		c.Container = rest
	}
	c.Container, _, _ = strings.Cut(c.Container, "/")
	if text := v.String(keyContainer); text != "" && (c.Container == "" || strings.ContainsAny(c.Container, "?#:")) {
		v.Fail(keyContainer, "%q names no container; expected for example swift://my-container", text)
	}
	if c.Segments == "" {
		c.Segments = c.Container + "_segments"
	}
	if c.Segments == c.Container {
		v.Fail(keySegments, "segments need a container of their own")
	}
	if u, err := url.Parse(c.AuthURL); c.AuthURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		v.Fail(keyAuthURL, "expected an http or https address, got %q", c.AuthURL)
		return c, v
	}
	c.Version = version(v, c.AuthURL)
	credentials(v, &c)
	return c, v
}

func version(v *storage.Values, authURL string) int {
	text := strings.TrimPrefix(v.OneOf(keyVersion, "1", "2", "3", "v1", "v2", "v3"), "v")
	if m := versionInPath.FindStringSubmatch(authURL); m != nil && text == "" {
		text = m[1]
	}
	if text == "" {
		if authURL != "" && v.String(keyVersion) == "" {
			v.Fail(keyVersion, "give 1, 2 or 3: the path of %s does not end in it", keyAuthURL)
		}
		return 0
	}
	return int(text[0] - '0')
}

func credentials(v *storage.Values, c *Config) {
	switch {
	case c.Credential != "" || c.Secret != "":
		if c.Credential == "" || c.Secret == "" {
			v.Fail(keyCredential, "it and %s belong together", keySecret)
		}
		if c.Version == 1 || c.Version == 2 {
			v.Fail(keyCredential, "application credentials need version 3 of the authentication")
		}
	case c.User == "":
		v.Fail(keyUser, "it is missing; give it and %s, or %s and %s", keyKey, keyCredential, keySecret)
	case c.Key == "":
		v.Fail(keyKey, "it is missing")
	case c.Version == 1 && (c.Tenant != "" || c.Region != ""):
		v.Fail(keyVersion, "version 1 knows no %s and no %s", keyTenant, keyRegion)
	}
}
