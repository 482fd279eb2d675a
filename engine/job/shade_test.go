package job

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
)

const shadeJob = `env { shade.identifier = "ID", shade.key-file = "k" }
source { A { username = me, password = "p,1", n { password = inner }, auth = ${tok}, table = t } }
transform { T { password = plain } }
sink { B { token = 5 } }`

func shadeOptions(key byte) Options {
	return Options{Variables: map[string]string{}, ReadFile: func(path string) ([]byte, error) {
		if path != "dir/k" {
			return nil, errors.New("asked for " + path)
		}
		return []byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(key)), 32))) + "\n"), nil
	}}
}

func TestEncryptedOptionsComeBackOnLoad(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"default", "base64", "aes", "AES"} {
		opts := shadeOptions('k')
		raw := opts
		raw.Raw = true
		text := strings.Replace(shadeJob, "ID", id, 1)
		plain := mustParse(t, "dir/j.conf", text, raw)
		sealed, err := plain.Encrypt(opts)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for _, secret := range []string{`"me"`, `"p,1"`, "5}"} {
			if strings.Contains(string(sealed), secret) != (id == "default") {
				t.Errorf("%s: %s in %s", id, secret, sealed)
			}
		}
		for _, open := range []string{`"inner"`, `"plain"`, `"${tok}"`, `"t"`} {
			if !strings.Contains(string(sealed), open) {
				t.Errorf("%s: no %s in %s", id, open, sealed)
			}
		}
		withToken := strings.Replace(string(sealed), `"auth":"${tok}",`, "", 1)
		loaded := mustParse(t, "dir/j.json", withToken, opts)
		if got := loaded.Source[0].Get("password").Value.Text; got != "p,1" {
			t.Errorf("%s: the password is %q", id, got)
		}
		if got := loaded.Sink[0].Get("token").Value.Text; got != "5" {
			t.Errorf("%s: the token is %q", id, got)
		}
		again := mustParse(t, "dir/j.json", string(sealed), raw)
		opened, err := again.Decrypt(opts)
		if err != nil || !strings.Contains(string(opened), `"username":"me","password":"p,1"`) {
			t.Errorf("%s: %v %s", id, err, opened)
		}
		if strings.EqualFold(id, "aes") {
			if twice, err := again.Encrypt(opts); err != nil || string(twice) != string(sealed) {
				t.Errorf("encrypting twice gives %v %s", err, twice)
			}
		}
	}
}

func TestSealedValueOpensOnlyUnderItsKeyAndName(t *testing.T) {
	t.Parallel()
	opts := shadeOptions('k')
	raw := opts
	raw.Raw = true
	f := mustParse(t, "dir/j.conf", strings.Replace(shadeJob, "ID", "aes", 1), raw)
	sealed, err := f.Encrypt(opts)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(sealed), `"auth":"${tok}",`, "", 1)
	for _, row := range []struct {
		name, text, want string
		opts             Options
	}{
		{"other key", text, "encrypted with another key", shadeOptions('x')},
		{"other option", strings.Replace(strings.Replace(text, `"username"`, `"auth"`, 1), `"password"`, `"username"`, 1), "for another option", opts},
		{"changed", strings.Replace(text, `"username":"v1:`, `"username":"v1:AAAA`, 1), "or was changed", opts},
		{"other version", strings.Replace(text, `"username":"v1:`, `"username":"v9:`, 1), "does not begin with", opts},
		{"no base64", strings.Replace(text, `"username":"v1:`, `"username":"v1:?`, 1), "not base64", opts},
		{"no key file", text, "key files are not read", Options{}},
	} {
		_, err := Parse("dir/j.json", []byte(row.text), row.opts)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v", row.name, err)
		}
	}
}

func TestShadeMistakesAreErrors(t *testing.T) {
	t.Parallel()
	good := shadeOptions('k')
	short := good
	short.ReadFile = func(string) ([]byte, error) { return []byte("c2hvcnQ="), nil }
	hexKey := good
	hexKey.ReadFile = func(string) ([]byte, error) { return []byte(strings.Repeat("0a", 32)), nil }
	fromEnv := Options{Getenv: func(name string) (string, bool) { return "dir/k", name == shadeKeyEnv }, ReadFile: good.ReadFile}
	job := func(env, option string) string {
		return "env { " + env + " }\nsource { A { " + option + " } }\nsink { B {} }"
	}
	for _, row := range []struct {
		name, text, want string
		opts             Options
	}{
		{"unknown", job("shade.identifier = rot13", ""), `unknown shade.identifier "rot13" (expected default, base64 or aes)`, good},
		{"nested", job("shade { identifier = rot13 }", ""), `unknown shade.identifier "rot13"`, good},
		{"no base64", job("shade.identifier = base64", `password = "!s3cret"`), `cannot decode option "password" of A: it is not base64`, good},
		{"no key named", job("shade.identifier = aes", ""), "no key file is named", good},
		{"key missing", job("shade.identifier = aes, shade.key-file = gone", ""), "cannot read the key file: asked for dir/gone", good},
		{"key short", job("shade.identifier = aes, shade.key-file = k", ""), "does not hold a key of 32 bytes", short},
		{"key in hexadecimal", job("shade.identifier = aes, shade.key-file = k", ""), "", hexKey},
		{"key from the environment", job("shade.identifier = aes", ""), "", fromEnv},
	} {
		_, err := Parse("dir/j.conf", []byte(row.text), row.opts)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: %v", row.name, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: got %v", row.name, err)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: the error shows the value: %v", row.name, err)
		}
	}
}

func TestEncryptWantsSourceAndSink(t *testing.T) {
	t.Parallel()
	f, err := Parse("j.conf", []byte("env {}\nsource {}"), Options{Raw: true})
	if err == nil || !strings.Contains(err.Error(), "Miss <Source> config! Please check the config file.") || !strings.Contains(err.Error(), "Miss <Sink> config!") {
		t.Errorf("got %v", err)
	}
	if _, err := f.Encrypt(Options{}); err == nil || !strings.Contains(err.Error(), "Miss <Source>") {
		t.Errorf("got %v", err)
	}
}

func TestRawKeepsVariables(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "j.conf", "env {}\nsource { A { a = \"${x:1}\", b = ${HOME} } }\nsink { B {} }", Options{
		Raw: true, Variables: map[string]string{"x": "2"}, Getenv: func(string) (string, bool) { return "/", true }})
	if got := string(hocon.JSON(f.Source[0])); got != `{"plugin_name":"A","a":"${x:1}","b":"${HOME}"}` {
		t.Error(got)
	}
}
