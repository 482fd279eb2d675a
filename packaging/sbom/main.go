// Command sbom writes what a binary is made of as an SPDX 2.3 document, out of what the Go linker
// noted in it and the license files of the modules, and the texts that those licenses ask for.
//
//	go run ./packaging/sbom BINARY VERSION NOTICES > sbom.spdx.json
//
// It is dated by SOURCE_DATE_EPOCH.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []component    `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type component struct {
	SPDXID           string      `json:"SPDXID"`
	Name             string      `json:"name"`
	VersionInfo      string      `json:"versionInfo"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	LicenseConcluded string      `json:"licenseConcluded"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	CopyrightText    string      `json:"copyrightText"`
	Comment          string      `json:"comment,omitempty"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	ExternalRefs     []reference `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: sbom BINARY VERSION NOTICES")
		os.Exit(2)
	}
	if err := write(os.Stdout, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func write(w io.Writer, binary, version, noticesFile string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read what %s is made of: %w", binary, err)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	created := time.Now().UTC()
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		epoch, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		created = time.Unix(epoch, 0).UTC()
	}
	for i, m := range info.Deps {
		if m.Replace != nil {
			info.Deps[i] = m.Replace
		}
	}
	known, err := termsOf(info.Deps)
	if err != nil {
		return err
	}
	golang, err := goTerms(info.GoVersion)
	if err != nil {
		return err
	}
	f, err := os.Create(noticesFile)
	if err != nil {
		return err
	}
	if err := errors.Join(notices(f, append(slices.Collect(maps.Values(known)), golang)), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", noticesFile, err)
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(describe(info, known, version, digest, created))
}

// describe lists the program, the Go release and every module that is linked in.
func describe(info *debug.BuildInfo, known map[string]terms, version, digest string, created time.Time) document {
	const root = "SPDXRef-seikan"
	d := document{SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: "seikan-" + version,
		DocumentNamespace: "urn:seikan:sbom:" + digest,
		CreationInfo:      creation{created.Format(time.RFC3339), []string{"Tool: seikan-sbom"}}}
	d.Packages = append(d.Packages,
		component{SPDXID: root, Name: "seikan", VersionInfo: version, LicenseDeclared: "Apache-2.0", Checksums: []checksum{{"SHA256", digest}}},
		component{SPDXID: "SPDXRef-go", Name: "stdlib", VersionInfo: info.GoVersion, LicenseDeclared: "BSD-3-Clause",
			ExternalRefs: []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")}}})
	for i, m := range info.Deps {
		d.Packages = append(d.Packages, component{SPDXID: "SPDXRef-module-" + strconv.Itoa(i+1), Name: m.Path, VersionInfo: m.Version, LicenseDeclared: known[nameOf(m)].license,
			Comment: "go.sum " + m.Sum, ExternalRefs: []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.Path + "@" + m.Version}}})
	}
	d.Relationships = append(d.Relationships, relationship{d.SPDXID, "DESCRIBES", root})
	for i := range d.Packages {
		p := &d.Packages[i]
		p.DownloadLocation, p.LicenseConcluded, p.CopyrightText = "NOASSERTION", "NOASSERTION", "NOASSERTION"
		p.LicenseDeclared = cmp.Or(p.LicenseDeclared, "NOASSERTION")
		if p.SPDXID != root {
			d.Relationships = append(d.Relationships, relationship{root, "CONTAINS", p.SPDXID})
		}
	}
	return d
}
