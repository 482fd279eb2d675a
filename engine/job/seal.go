package job

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"seikan/engine/job/hocon"
)

// sealed marks a value that only holders of the cluster key can read: version, then nonce and
// AES-256-GCM ciphertext in base64. The option's name is bound to it, so that a sealed password
// cannot be moved into an option that shows it.
const sealed = "sealed:v1:"

// Sealed is in the stored text of every job that has sealed values.
const Sealed = `"` + sealed

// Sealer seals the values of sensitive options before a job is stored, and opens them where it
// runs.
type Sealer struct{ aead cipher.AEAD }

// NewSealer makes a sealer from the cluster key, of any length.
func NewSealer(key []byte) (*Sealer, error) {
	k := sha256.Sum256(append([]byte("seikan job values\x00"), key...))
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("make the sealer: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the sealer: %w", err)
	}
	return &Sealer{aead}, nil
}

// Seal returns a copy of v in which the values of sensitive options are sealed.
func (s *Sealer) Seal(v *hocon.Value, sensitive func(plugin, key string) bool) (*hocon.Value, error) {
	return s.change(v, func(plugin, key, text string) (string, error) {
		if !sensitive(plugin, key) || strings.HasPrefix(text, sealed) || text == "" {
			return text, nil
		}
		nonce := make([]byte, s.aead.NonceSize())
		if _, err := rand.Read(nonce); err != nil {
			return "", err
		}
		return sealed + base64.StdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(text), []byte(key))), nil
	})
}

// Open returns a copy of v in which sealed values are readable again.
func (s *Sealer) Open(v *hocon.Value) (*hocon.Value, error) {
	return s.change(v, func(_, key, text string) (string, error) {
		rest, is := strings.CutPrefix(text, sealed)
		if !is {
			return text, nil
		}
		data, err := base64.StdEncoding.DecodeString(rest)
		if err != nil || len(data) < s.aead.NonceSize() {
			return "", fmt.Errorf("the sealed value of %q is damaged", key)
		}
		n := s.aead.NonceSize()
		clear, err := s.aead.Open(nil, data[:n], data[n:], []byte(key))
		if err != nil {
			return "", fmt.Errorf("the sealed value of %q cannot be read with this node's cluster key: every node needs the same seikan-cluster.key", key)
		}
		return string(clear), nil
	})
}

func (s *Sealer) change(v *hocon.Value, f func(plugin, key, text string) (string, error)) (*hocon.Value, error) {
	out := v.Clone()
	return out, changeIn(out, "", f)
}

func changeIn(v *hocon.Value, plugin string, f func(plugin, key, text string) (string, error)) error {
	if v == nil {
		return nil
	}
	if name := v.Get(pluginName); name != nil && name.Value.Scalar() {
		plugin = name.Value.Text
	}
	for _, i := range v.Items {
		if err := changeIn(i, plugin, f); err != nil {
			return err
		}
	}
	for _, e := range v.Fields {
		if !e.Value.Scalar() {
			if err := changeIn(e.Value, plugin, f); err != nil {
				return err
			}
			continue
		}
		text, err := f(plugin, e.Key, e.Value.Text)
		if err != nil {
			return err
		}
		if text != e.Value.Text {
			e.Value.Text, e.Value.Kind, e.Value.Quoted = text, hocon.String, true
		}
	}
	return nil
}
