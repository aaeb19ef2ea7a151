package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The user that the program runs as: a number, so that a cluster can see that it is not root.
const user = "65532:65532"

// imageOf builds the program for a platform and puts it into an image.
func imageOf(source string, platform v1.Platform) (v1.Image, error) {
	program, built, err := compile(source, platform)
	if err != nil {
		return nil, err
	}
	authorities, err := authorities()
	if err != nil {
		return nil, err
	}
	// What seldom changes lies below, so that a new version fetches the program alone.
	system, err := layer(
		file{name: "etc/", mode: 0o755},
		file{name: "etc/group", mode: 0o444, content: []byte("settle:x:65532:\n")},
		file{name: "etc/passwd", mode: 0o444, content: []byte("settle:x:65532:65532:settle:/:/sbin/nologin\n")},
		file{name: "etc/ssl/", mode: 0o755},
		file{name: "etc/ssl/certs/", mode: 0o755},
		file{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o444, content: authorities},
		// For a run without a volume. In a cluster the root is read-only and TMPDIR names a volume.
		file{name: "tmp/", mode: 0o1777},
	)
	if err != nil {
		return nil, err
	}
	own, err := layer(file{name: "settle", mode: 0o555, content: program})
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.Append(image,
		mutate.Addendum{Layer: system, History: v1.History{Created: v1.Time{Time: built.time}, CreatedBy: "certificate authorities, a user, /tmp"}},
		mutate.Addendum{Layer: own, History: v1.History{Created: v1.Time{Time: built.time}, CreatedBy: "settle " + built.revision}},
	); err != nil {
		return nil, err
	}
	configured, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	configured = configured.DeepCopy()
	configured.Created = v1.Time{Time: built.time}
	configured.OS, configured.Architecture, configured.Variant = platform.OS, platform.Architecture, platform.Variant
	configured.Config = v1.Config{
		Entrypoint: []string{"/settle"},
		User:       user,
		WorkingDir: "/",
		StopSignal: "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "settle",
			"org.opencontainers.image.description": "Closes the books of a loyalty alliance, night by night",
			"org.opencontainers.image.created":     built.time.Format(time.RFC3339),
			"org.opencontainers.image.revision":    built.revision,
			"org.opencontainers.image.version":     built.version,
		},
	}
	return mutate.ConfigFile(image, configured)
}

// A build is what the program says it was built from.
type build struct {
	version, revision string
	time              time.Time
}

// compile builds the program so that nothing of this machine or directory gets into it.
func compile(source string, platform v1.Platform) (program []byte, built build, err error) {
	folder, err := os.MkdirTemp("", "settle-image-")
	if err != nil {
		return nil, built, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "settle")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=auto", "-mod=readonly", "-ldflags=-s -w -buildid=", "-o", path, "./cmd/settle")
	command.Dir = source
	command.Env = environment(platform)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return nil, built, fmt.Errorf("build ./cmd/settle in %s: %w", source, err)
	}
	if program, err = os.ReadFile(path); err != nil {
		return nil, built, err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, built, err
	}
	// Sources without version control have no time: all images of them are as old as 1970.
	built = build{version: info.Main.Version, revision: "unknown", time: time.Unix(0, 0).UTC()}
	modified := false
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			built.revision = setting.Value
		case "vcs.modified":
			modified = setting.Value == "true"
		case "vcs.time":
			if built.time, err = time.Parse(time.RFC3339Nano, setting.Value); err != nil {
				return nil, built, fmt.Errorf("the time of the revision: %w", err)
			}
		}
	}
	if modified {
		built.revision += "-modified"
	}
	return program, built, nil
}

// environment returns this process's without what would change the program, and for a platform.
func environment(platform v1.Platform) []string {
	var kept []string
	for _, variable := range os.Environ() {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "GOFLAGS", "GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "GOEXPERIMENT", "GOFIPS140", "GOWORK", "CGO_ENABLED":
		default:
			kept = append(kept, variable)
		}
	}
	// GOENV=off: nor from the file that go env -w writes; but where modules come from and are kept may stand there.
	places := []string{"GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOMODCACHE", "GOCACHE"}
	if values, err := exec.Command("go", append([]string{"env"}, places...)...).Output(); err == nil {
		for i, value := range strings.Split(strings.TrimSuffix(string(values), "\n"), "\n") {
			if i < len(places) && value != "" {
				kept = append(kept, places[i]+"="+value)
			}
		}
	}
	return append(kept, "GOENV=off", "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS="+platform.OS, "GOARCH="+platform.Architecture)
}

// authorities returns the certificates that Mozilla trusts, from a module whose version is pinned: those of
// this machine would make another image on another one. Authorities that are trusted only under a condition, such
// as certificates of some years, are left out, because the file cannot say it.
func authorities() ([]byte, error) {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "# %s\n", certificate.Subject)
		if err := pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

// A file of a layer; a directory's name ends with "/".
type file struct {
	name    string
	mode    int64
	content []byte
}

// layer packs files that belong to root and are as old as 1970.
func layer(files ...file) (v1.Layer, error) {
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, file := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: file.mode, Size: int64(len(file.content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if strings.HasSuffix(file.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
}
