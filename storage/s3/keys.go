// Package s3 keeps objects in a bucket of Amazon S3 or of a store that speaks its protocol.
package s3

import (
	"net/url"
	"slices"
	"strings"

	"seikan/storage"
	"seikan/storage/transfer"
)

// Names of keys that messages speak of.
const (
	keyBucket    = "s3.bucket"
	keyAccess    = "fs.s3a.access.key"
	keySecret    = "fs.s3a.secret.key"
	keyToken     = "fs.s3a.session.token"
	keyEndpoint  = "fs.s3a.endpoint"
	keyRegion    = "fs.s3a.endpoint.region"
	keyPathStyle = "fs.s3a.path.style.access"
	keyProvider  = "fs.s3a.aws.credentials.provider"
	keySSL       = "fs.s3a.connection.ssl.enabled"
	keyPartSize  = "fs.s3a.multipart.size"
	keyEncrypt   = "fs.s3a.encryption.algorithm"
	keyKMS       = "fs.s3a.encryption.key"
)

// Keys are the configuration keys of this backend, as Hadoop's S3A names them.
var Keys = []storage.Key{
	{Name: keyBucket, Doc: "The bucket, as a name or as `s3a://name`. A folder in it is given by `namespace`.", Required: true, Example: "s3a://my-bucket"},
	{Name: keyAccess, Doc: "The access key id. Without it the credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), the container or the machine's role.", Old: []string{"fs.s3n.awsAccessKeyId", "fs.s3n.access.key"}},
	{Name: keySecret, Doc: "The secret of the access key.", Sensitive: true, Old: []string{"fs.s3n.awsSecretAccessKey", "fs.s3n.secret.key"}},
	{Name: keyToken, Doc: "The session token of temporary keys.", Sensitive: true},
	{Name: keyEndpoint, Doc: "Host or address of the store. Default: Amazon's of the region.", Example: "http://minio.example.com:9000", Old: []string{"fs.s3n.endpoint"}},
	{Name: keyRegion, Doc: "The region. Default: the one in the endpoint's name, then `AWS_REGION`, then us-east-1."},
	{Name: keyPathStyle, Doc: "Put the bucket into the path and not into the host name. Most stores other than Amazon's need it. Default: true for an endpoint that is an IP address or `localhost`."},
	{Name: keyProvider, Doc: "Where credentials come from: class names of Hadoop or AWS, tried in order. Known are Simple-, Temporary-, EnvironmentVariable-, Instance profile (IAM), Container and Anonymous providers."},
	{Name: keySSL, Doc: "https for an endpoint that has no scheme.", Default: "true"},
	{Name: keyPartSize, Doc: "Size of the parts of large objects, 5M to 1G. An object has at most 10000 parts. A write holds up to four parts in memory, or two when they are larger than 12M.", Default: "8M"},
	{Name: keyEncrypt, Doc: "Encryption by the store: `AES256` or `SSE-KMS`.", Old: []string{"fs.s3a.server-side-encryption-algorithm"}},
	{Name: keyKMS, Doc: "The KMS key for `SSE-KMS`. Default: the account's.", Old: []string{"fs.s3a.server-side-encryption.key"}},
}

// Config is what Open needs.
type Config struct {
	Bucket, Prefix        string // Prefix has no slash at its ends
	Endpoint, Region      string // Endpoint is a URL, or empty for Amazon's
	PathStyle             bool
	Access, Secret, Token string
	Providers             []string // source*, tried in order
	PartSize              int
	Encryption, KMSKey    string
}

// The sources of credentials.
const (
	sourceStatic      = "keys"
	sourceEnvironment = "environment"
	sourceContainer   = "container"
	sourceInstance    = "instance"
	sourceAnonymous   = "anonymous"
)

// providers maps the ends of class names.
var providers = map[string]string{
	"SimpleAWSCredentialsProvider": sourceStatic, "BasicAWSCredentialsProvider": sourceStatic, "TemporaryAWSCredentialsProvider": sourceStatic,
	"StaticCredentialsProvider": sourceStatic, "EnvironmentVariableCredentialsProvider": sourceEnvironment,
	"InstanceProfileCredentialsProvider": sourceInstance, "IAMInstanceCredentialsProvider": sourceInstance,
	"ContainerCredentialsProvider": sourceContainer, "EC2ContainerCredentialsProviderWrapper": sourceContainer,
	"AnonymousAWSCredentialsProvider": sourceAnonymous, "AnonymousCredentialsProvider": sourceAnonymous,
	"DefaultAWSCredentialsProviderChain": "", "DefaultCredentialsProvider": "",
}

// Parse reads the keys; prefix is the folder in the bucket. Hadoop's keys for one bucket,
// fs.s3a.bucket.NAME.x, count before fs.s3a.x.
func Parse(given map[string]string, prefix string) (Config, *storage.Values) {
	name := storage.ReadKeys(Keys[:1], given).String(keyBucket)
	bucket, ok := bucketName(name)
	own := "fs.s3a.bucket." + bucket + "."
	merged := map[string]string{}
	for k, v := range given {
		merged[k] = v
	}
	for k, v := range given {
		if rest, found := strings.CutPrefix(k, own); found && bucket != "" {
			merged["fs.s3a."+rest] = v
		}
	}
	v := storage.ReadKeys(Keys, merged)
	for k := range given {
		if rest, found := strings.CutPrefix(k, own); found && v.Used("fs.s3a."+rest) {
			v.Use(k)
		}
	}
	if !ok && name != "" {
		v.Fail(keyBucket, "%q names no bucket; expected for example s3a://my-bucket", name)
	}
	c := Config{Bucket: bucket, Prefix: strings.Trim(prefix, "/"), Region: v.String(keyRegion), Access: v.String(keyAccess), Secret: v.String(keySecret), Token: v.String(keyToken),
		PartSize: int(v.Size(keyPartSize, 5<<20, 1<<30)), KMSKey: v.String(keyKMS)}
	if (c.Access == "") != (c.Secret == "") {
		v.Fail(keyAccess, "it and %s belong together; give both or none", keySecret)
	}
	c.Endpoint = endpoint(v)
	c.PathStyle = v.Bool(keyPathStyle)
	if v.String(keyPathStyle) == "" {
		c.PathStyle = transfer.IsAddress(c.Endpoint)
	}
	switch v.OneOf(keyEncrypt, "aes256", "sse-s3", "sse-kms") {
	case "aes256", "sse-s3":
		c.Encryption = "AES256"
	case "sse-kms":
		c.Encryption = "aws:kms"
	}
	c.Providers = sources(v)
	return c, v
}

func bucketName(s string) (string, bool) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if !slices.Contains([]string{"s3a", "s3n", "s3"}, strings.ToLower(scheme)) {
			return "", false
		}
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	return s, s != "" && !strings.ContainsAny(s, " \t\\?#@")
}

// endpoint is a URL without a path, or "".
func endpoint(v *storage.Values) string {
	ssl := v.Bool(keySSL)
	text := v.String(keyEndpoint)
	if text == "" {
		return ""
	}
	if !strings.Contains(text, "://") {
		scheme := "http://"
		if ssl {
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

func sources(v *storage.Values) []string {
	var out []string
	for class := range strings.SplitSeq(v.String(keyProvider), ",") {
		class = strings.TrimSpace(class)
		if class == "" {
			continue
		}
		source, known := providers[class[strings.LastIndexByte(class, '.')+1:]]
		switch {
		case !known:
			v.Fail(keyProvider, "%q is not offered; known are the Simple, Temporary, EnvironmentVariable, IAMInstance, Container, Anonymous and Default providers", class)
		case source == sourceStatic && v.String(keyAccess) == "":
			if !strings.Contains(v.String(keyProvider), ",") {
				v.Fail(keyAccess, "%s needs it and %s", class, keySecret)
			}
		case source != "":
			out = append(out, source)
		}
	}
	if len(out) > 0 {
		return out
	}
	if v.String(keyAccess) != "" {
		return []string{sourceStatic}
	}
	return []string{sourceEnvironment, sourceContainer, sourceInstance}
}
