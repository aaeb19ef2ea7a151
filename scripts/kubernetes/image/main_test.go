package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// imageFor returns an image of random content.
func imageFor(t *testing.T, architecture string) v1.Image {
	t.Helper()
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	configuration = configuration.DeepCopy()
	configuration.OS, configuration.Architecture = "linux", architecture
	if image, err = mutate.ConfigFile(image, configuration); err != nil {
		t.Fatal(err)
	}
	return image
}

// TestLayoutOfSeveralPlatforms writes images of two platforms below one index, over an older layout.
func TestLayoutOfSeveralPlatforms(t *testing.T) {
	out := filepath.Join(t.TempDir(), "image")
	var images []v1.Image
	index := v1.ImageIndex(empty.Index)
	for _, architecture := range []string{"amd64", "arm64"} {
		image := imageFor(t, architecture)
		images = append(images, image)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
	}
	for range 2 {
		if err := writeLayout(out, index, images); err != nil {
			t.Fatal(err)
		}
	}
	written, err := layout.ImageIndexFromPath(out)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := written.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest != digest {
		t.Errorf("the layout holds %v, not the index %s", manifest.Manifests, digest)
	}
}

func TestNothingElseIsReplaced(t *testing.T) {
	out := t.TempDir()
	kept := filepath.Join(out, "kept")
	if err := os.WriteFile(kept, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeLayout(out, empty.Index, []v1.Image{imageFor(t, "amd64")}); err == nil || !strings.Contains(err.Error(), "not replaced") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
