package spool

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestStripesAreOneFile writes and reads stretches that begin and end anywhere, over several files.
func TestStripesAreOneFile(t *testing.T) {
	file, err := newStripes(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content := randomBytes((stripeCount + 3) * extentBytes)
	for at := 0; at < len(content); {
		length := min(1+at%(2*extentBytes+777), len(content)-at)
		if err := file.write(content[at:at+length], int64(at), 0); err != nil {
			t.Fatal(err)
		}
		at += length
	}
	for _, part := range []stretch{{0, int64(len(content))}, {extentBytes - 1, 2}, {extentBytes, extentBytes}, {5*extentBytes + 3, 4 * extentBytes}} {
		found := make([]byte, part.length)
		if err := file.read(found, part.start); err != nil || !bytes.Equal(found, content[part.start:part.start+part.length]) {
			t.Errorf("%d bytes at %d came back as others, %v", part.length, part.start, err)
		}
	}
	for i, one := range file.files {
		info, err := one.Stat()
		if err != nil {
			t.Fatal(err)
		}
		want := int64(extentBytes)
		if i < 3 {
			want *= 2
		}
		if info.Size() != want {
			t.Errorf("file %d of %d has %d bytes, want %d", i, stripeCount, info.Size(), want)
		}
	}
	if err := file.read(make([]byte, 1), int64(len(content))); err == nil || !strings.Contains(err.Error(), file.name(int64(len(content)))) {
		t.Errorf("reading behind the end: %v", err)
	}
	if err := file.close(); err != nil {
		t.Error(err)
	}
}

// TestStripesThatKeepTheirNames are on a system that does not remove an open file.
func TestStripesThatKeepTheirNames(t *testing.T) {
	directory := t.TempDir()
	file, err := newStripes(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range file.files[2:] {
		if err := os.WriteFile(one.Name(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file.unlink = true
	if err := file.close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestStripesWhereThereIsNoDirectory(t *testing.T) {
	if _, err := newStripes(t.TempDir() + "/none"); err == nil || !strings.Contains(err.Error(), "spill to the disk") {
		t.Errorf("files in no directory: %v", err)
	}
}
