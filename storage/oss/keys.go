// Package oss keeps objects in a bucket of Alibaba Cloud's object storage service.
package oss

import (
	"net/url"
	"regexp"
	"strings"

	"seikan/storage"
	"seikan/storage/transfer"
)

// Names of keys that messages speak of.
const (
	keyBucket    = "oss.bucket"
	keyAccess    = "fs.oss.accessKeyId"
	keySecret    = "fs.oss.accessKeySecret"
	keyToken     = "fs.oss.securityToken"
	keyEndpoint  = "fs.oss.endpoint"
	keyRegion    = "fs.oss.region"
	keySignature = "fs.oss.signature.version"
	keySecure    = "fs.oss.connection.secure.enabled"
	keyPathStyle = "fs.oss.path.style.access"
	keyCName     = "fs.oss.cname"
	keyPartSize  = "fs.oss.multipart.upload.size"
)

// Keys are the configuration keys of this backend, as Hadoop's OSS file system names them.
var Keys = []storage.Key{
	{Name: keyBucket, Doc: "The bucket, as a name or as `oss://name`. A folder in it is given by `namespace`.", Required: true, Example: "oss://my-bucket"},
	{Name: keyEndpoint, Doc: "The region's host, inside Alibaba Cloud the `-internal` one.", Required: true, Example: "oss-cn-hangzhou.aliyuncs.com"},
	{Name: keyAccess, Doc: "The access key id. Without it the credentials come from `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and `OSS_SESSION_TOKEN` in the environment, then from the machine's RAM role."},
	{Name: keySecret, Doc: "The secret of the access key.", Sensitive: true},
	{Name: keyToken, Doc: "The security token of temporary keys.", Sensitive: true},
	{Name: "fs.oss.credentials.provider", Doc: "Has no meaning here: the keys count when they are given."},
	{Name: keyRegion, Doc: "The region, for V4 signatures. Default: the one in the endpoint's name.", Example: "cn-hangzhou"},
	{Name: keySignature, Doc: "`V4` or `V1`. Default: V4 where the region is known.", Old: []string{"fs.oss.signatureversion"}},
	{Name: keySecure, Doc: "https for an endpoint that has no scheme.", Default: "true"},
	{Name: keyPathStyle, Doc: "Put the bucket into the path and not into the host name. Default: true for an endpoint that is an IP address or `localhost`."},
	{Name: keyCName, Doc: "The endpoint is a domain of your own that is bound to the bucket."},
	{Name: keyPartSize, Doc: "Size of the parts of large objects, 100K to 1G. An object has at most 10000 parts. A write holds up to four parts in memory, or two when they are larger than 12M.", Default: "8M", Old: []string{"fs.oss.multipart.upload.part.size"}},
}

// Config is what Open needs.
type Config struct {
	Bucket, Prefix        string // Prefix has no slash at its ends
	Endpoint, Region      string // Endpoint is a URL
	V1                    bool   // signatures
	PathStyle, CName      bool
	Access, Secret, Token string
	PartSize              int
}

var alibabaHost = regexp.MustCompile(`://oss-([a-z0-9-]+?)(-internal)?\.aliyuncs\.com$`)

// Parse reads the keys; prefix is the folder in the bucket.
func Parse(given map[string]string, prefix string) (Config, *storage.Values) {
	v := storage.ReadKeys(Keys, given)
	c := Config{Prefix: strings.Trim(prefix, "/"), Region: strings.TrimPrefix(v.String(keyRegion), "oss-"), Access: v.String(keyAccess), Secret: v.String(keySecret), Token: v.String(keyToken),
		CName: v.Bool(keyCName), PartSize: int(v.Size(keyPartSize, 100<<10, 1<<30))}
	c.Bucket = bucket(v)
	c.Endpoint = endpoint(v)
	if m := alibabaHost.FindStringSubmatch(c.Endpoint); m != nil && c.Region == "" {
		c.Region = m[1]
	}
	switch v.OneOf(keySignature, "v1", "v4") {
	case "v1":
		c.V1 = true
	case "v4":
		if c.Region == "" && c.Endpoint != "" {
			v.Fail(keyRegion, "V4 signatures need it, and %s %s does not name it", keyEndpoint, c.Endpoint)
		}
	default:
		c.V1 = c.Region == ""
	}
	c.PathStyle = v.Bool(keyPathStyle)
	if v.String(keyPathStyle) == "" {
		c.PathStyle = transfer.IsAddress(c.Endpoint)
	}
	if (c.Access == "") != (c.Secret == "") {
		v.Fail(keyAccess, "it and %s belong together; give both or none", keySecret)
	}
	return c, v
}

func bucket(v *storage.Values) string {
	text := v.String(keyBucket)
	name := text
	if scheme, rest, ok := strings.Cut(text, "://"); ok && strings.EqualFold(scheme, "oss") {
		name = rest
	}
	name, _, _ = strings.Cut(name, "/")
	if text != "" && (name == "" || strings.ContainsAny(name, " \t\\?#@:")) {
		v.Fail(keyBucket, "%q names no bucket; expected for example oss://my-bucket", text)
	}
	return name
}

func endpoint(v *storage.Values) string {
	secure := v.Bool(keySecure)
	text := v.String(keyEndpoint)
	if text == "" {
		return ""
	}
	if !strings.Contains(text, "://") {
		scheme := "http://"
		if secure {
			scheme = "https://"
		}
		text = scheme + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		v.Fail(keyEndpoint, "expected a host or an http or https address, got %q", v.String(keyEndpoint))
		return ""
	}
	return u.Scheme + "://" + u.Host
}
