package main

import (
	"archive/tar"
	"crypto/x509"
	"io"
	"testing"
	"time"
)

func TestAuthoritiesAreCertificates(t *testing.T) {
	text, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate can be read")
	}
	again, err := authorities()
	if err != nil || string(again) != string(text) {
		t.Errorf("a second time they are others: %v", err)
	}
}

// TestLayerHasNothingOfThisMachine reads a layer back: root's files of 1970 in the order given.
func TestLayerHasNothingOfThisMachine(t *testing.T) {
	files := []file{{name: "tmp/", mode: 0o1777}, {name: "settle", mode: 0o555, content: []byte("program")}}
	made, err := layer(files...)
	if err != nil {
		t.Fatal(err)
	}
	content, err := made.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	reader := tar.NewReader(content)
	for _, file := range files {
		header, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if err != nil || string(text) != string(file.content) {
			t.Errorf("%s holds %q, %v", header.Name, text, err)
		}
		if header.Name != file.name || header.Mode != file.mode || header.Uid != 0 || header.Gid != 0 || header.Uname != "" || !header.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%+v", header)
		}
	}
	if _, err := reader.Next(); err != io.EOF {
		t.Errorf("there is more: %v", err)
	}
}
