package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A descriptor names a blob of an OCI layout.
type descriptor struct {
	Digest string `json:"digest"`
}

// unpack makes a directory of the files of the one image in an OCI layout, and returns the image's digest.
func unpack(layout, to string) (digest string, err error) {
	var index struct{ Manifests []descriptor }
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return "", err
	}
	if len(index.Manifests) != 1 {
		return "", fmt.Errorf("%s holds %d images, not one", layout, len(index.Manifests))
	}
	digest = index.Manifests[0].Digest
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	if err := readJSON(blob(layout, digest), &manifest); err != nil {
		return "", err
	}
	var configuration struct {
		Config struct {
			Entrypoint []string
			User       string
		}
	}
	if err := readJSON(blob(layout, manifest.Config.Digest), &configuration); err != nil {
		return "", err
	}
	if entry := configuration.Config.Entrypoint; len(entry) != 1 || entry[0] != "/settle" || configuration.Config.User != "65532:65532" {
		return "", fmt.Errorf("the image starts %q as %q, not /settle as 65532:65532", entry, configuration.Config.User)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	for _, layer := range manifest.Layers {
		if err := unpackLayer(blob(layout, layer.Digest), to); err != nil {
			return "", fmt.Errorf("unpack the layer %s: %w", layer.Digest, err)
		}
	}
	return digest, nil
}

func blob(layout, digest string) string {
	algorithm, hash, _ := strings.Cut(digest, ":")
	return filepath.Join(layout, "blobs", algorithm, hash)
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// unpackLayer takes directories and plain files, which is all that the image has.
func unpackLayer(path, to string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for reader := tar.NewReader(plain); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(header.Name, "/")
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeReg:
			err = unpackFile(root, name, reader)
		default:
			err = fmt.Errorf("%s is neither a file nor a directory", header.Name)
		}
		if err != nil {
			return err
		}
		if err := root.Chmod(name, header.FileInfo().Mode()&(fs.ModePerm|fs.ModeSticky)); err != nil {
			return err
		}
	}
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	file, err := root.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	return file.Close()
}
