package spool

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReleasedDiskIsGivenBack looks at what the file takes on the disk.
func TestReleasedDiskIsGivenBack(t *testing.T) {
	pool := NewPool(t.TempDir(), 0)
	defer pool.Close()
	pool.mostReleased = 4
	spool, kept := pool.NewSpool(3), pool.NewBlob()
	writer, content := spool.NewWriter(), randomBytes(8<<20)
	for i := range 3 {
		if err := writer.Append(i, content); err != nil { // one huge record
			t.Fatal(err)
		}
		for at := 0; at < len(content); at += 1000 {
			if err := writer.Append(i, content[at:min(at+1000, len(content))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := writer.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(int(pool.file.files[0].Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, pool.end, 4096); errors.Is(err, unix.EOPNOTSUPP) {
		t.Logf("the file system of %s cannot do that: what is released stays there until it is written over", pool.file.name(0))
		return
	}
	full := diskBytes(t, pool.file)
	for i := range 3 {
		spool.Release(i)
	}
	left := diskBytes(t, pool.file)
	if left > full/2 {
		t.Errorf("56 MiB took %d bytes of the disk, the 8 that are left take %d", full, left)
	}
	// What was released last is written over first, and takes nothing more.
	again := pool.NewBlob()
	if _, err := again.Write(content[:pool.mostReleased*extentBytes]); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if now := diskBytes(t, pool.file); now >= left+extentBytes { // one may not have been full
		t.Errorf("%d extents were released last; to write as many again takes %d bytes of the disk", pool.mostReleased, now-left)
	}
	if found, err := io.ReadAll(kept.NewReader()); err != nil || !bytes.Equal(found, content) {
		t.Errorf("what was kept is %d bytes: %v", len(found), err)
	}
}

// diskBytes returns how many bytes of the disk the spill file takes.
func diskBytes(t *testing.T, spilled *stripes) (bytes int64) {
	t.Helper()
	for _, file := range spilled.files {
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return bytes
}
