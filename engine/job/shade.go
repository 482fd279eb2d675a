package job

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
)

// shaded are the options that shade.identifier encrypts, at the top level of sources and sinks.
var shaded = []string{"username", "password", "auth", "token"}

// shadeKeyEnv names the key file of shade.identifier = aes when env.shade.key-file does not.
const shadeKeyEnv = "SEIKAN_SHADE_KEY_FILE"

// shade encrypts the values of options. Its errors do not repeat the value.
type shade interface {
	encode(option, text string) (string, error)
	decode(option, text string) (string, error)
}

type plainShade struct{}

func (plainShade) encode(_, text string) (string, error) { return text, nil }
func (plainShade) decode(_, text string) (string, error) { return text, nil }

type base64Shade struct{}

func (base64Shade) encode(_, text string) (string, error) {
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

func (base64Shade) decode(_, text string) (string, error) {
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", errors.New("it is not base64")
	}
	return string(plain), nil
}

// aesShade is AES-256-GCM. A value is "v1:" and base64 of nonce and ciphertext; the option's
// name is authenticated with it, so that a password cannot pass as a user name.
type aesShade struct{ cipher.AEAD }

const aesVersion = "v1:"

func (s aesShade) encode(option, text string) (string, error) {
	if _, err := s.decode(option, text); err == nil {
		return text, nil // encrypted already
	}
	nonce := make([]byte, s.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("no random numbers: %w", err)
	}
	return aesVersion + base64.StdEncoding.EncodeToString(s.Seal(nonce, nonce, []byte(text), []byte(option))), nil
}

func (s aesShade) decode(option, text string) (string, error) {
	text, ok := strings.CutPrefix(text, aesVersion)
	if !ok {
		return "", fmt.Errorf("it is not encrypted: it does not begin with %q", aesVersion)
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) < s.NonceSize() {
		return "", fmt.Errorf("what follows %q is not base64 of an encrypted value", aesVersion)
	}
	plain, err := s.Open(nil, sealed[:s.NonceSize()], sealed[s.NonceSize():], []byte(option))
	if err != nil {
		return "", errors.New("it was encrypted with another key, for another option, or was changed")
	}
	return string(plain), nil
}

// shade makes what env asks for. It returns nil after a problem.
func (f *File) shade(opts Options, problems *hocon.Problems) shade {
	e := f.Env.Lookup("shade.identifier")
	if e == nil {
		return plainShade{}
	}
	switch strings.ToLower(e.Value.Text) {
	case "", "default":
		return plainShade{}
	case "base64":
		return base64Shade{}
	case "aes":
		key, pos, err := f.shadeKey(opts)
		if err == nil {
			return aesShade{key}
		}
		problems.Add(hocon.Problem{Code: codeShade, Pos: pos, Message: "shade.identifier = aes: " + err.Error(),
			Help: "make a key with: openssl rand -base64 32 > shade.key; name the file in env.shade.key-file or in " + shadeKeyEnv})
		return nil
	}
	problems.Add(hocon.Problem{Code: codeShade, Pos: e.Value.Pos, Message: fmt.Sprintf("unknown shade.identifier %q", e.Value.Text),
		Label: "expected default, base64 or aes", Help: "SeaTunnel would take the encrypted values as they are"})
	return nil
}

// shadeKey reads the key of 32 bytes, in base64 or hexadecimal. A relative path of the job file
// is relative to the job file.
func (f *File) shadeKey(opts Options) (cipher.AEAD, hocon.Pos, error) {
	pos := f.Env.Lookup("shade.identifier").Value.Pos
	var path string
	if e := f.Env.Lookup("shade.key-file"); e != nil {
		pos, path = e.Value.Pos, e.Value.Text
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(f.Name), path)
		}
	} else if opts.Getenv != nil {
		path, _ = opts.Getenv(shadeKeyEnv)
	}
	if path == "" {
		return nil, pos, errors.New("no key file is named")
	}
	if opts.ReadFile == nil {
		return nil, pos, errors.New("key files are not read for this job")
	}
	text, err := opts.ReadFile(path)
	if err != nil {
		return nil, pos, fmt.Errorf("cannot read the key file: %w", err)
	}
	word := strings.TrimSpace(string(text))
	key, err := base64.StdEncoding.DecodeString(word)
	if len(word) == 64 {
		key, err = hex.DecodeString(word)
	}
	if err != nil || len(key) != 32 {
		return nil, pos, fmt.Errorf("%s does not hold a key of 32 bytes in base64 or hexadecimal", path)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, pos, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, pos, err
}

// decode decodes the encrypted options in place.
func (f *File) decode(opts Options, problems *hocon.Problems) {
	if s := f.shade(opts, problems); s != nil {
		f.reshade(s.decode, "cannot decode", "encrypt it with: seikan encrypt", problems)
	}
}

// Encrypt returns the JSON form of a File that was read Raw, its shaded options encrypted as
// env.shade.identifier says. The error is hocon.Problems.
func (f *File) Encrypt(opts Options) ([]byte, error) {
	return f.reshaded(opts, "cannot encrypt", shade.encode)
}

// Decrypt does the reverse of Encrypt.
func (f *File) Decrypt(opts Options) ([]byte, error) {
	return f.reshaded(opts, "cannot decode", shade.decode)
}

func (f *File) reshaded(opts Options, failure string, change func(shade, string, string) (string, error)) ([]byte, error) {
	var problems hocon.Problems
	c := &File{Name: f.Name, Root: f.Root.Clone()}
	c.sections(&problems)
	if len(problems) > 0 {
		return nil, problems
	}
	s := c.shade(opts, &problems)
	if s == nil {
		return nil, problems
	}
	c.reshade(func(option, text string) (string, error) {
		if variable.MatchString(text) {
			return text, nil // its value comes later, and is decoded then
		}
		return change(s, option, text)
	}, failure, "", &problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return hocon.JSON(c.Root), nil
}

func (f *File) reshade(change func(option, text string) (string, error), failure, help string, problems *hocon.Problems) {
	for _, plugin := range slices.Concat(f.Source, f.Sink) {
		for _, e := range plugin.Fields {
			if !slices.Contains(shaded, e.Key) || e.Value.Kind == hocon.Null || !e.Value.Scalar() {
				continue
			}
			text, err := change(e.Key, e.Value.Text)
			if err != nil {
				problems.Add(hocon.Problem{Code: codeShade, Pos: e.Value.Pos, Help: help,
					Message: fmt.Sprintf("%s option %q of %s: %v", failure, e.Key, plugin.Get(pluginName).Value.Text, err)})
				continue
			}
			if text != e.Value.Text {
				e.Value.Kind, e.Value.Text, e.Value.Quoted = hocon.String, text, true
			}
		}
	}
}
