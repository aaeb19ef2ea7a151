// Command image builds settle's container image without a daemon: one static program, certificate authorities,
// a user, and nothing else. The same commit and the same version of Go give the same bytes, on any machine.
//
//	go run . --out DIRECTORY [--archive FILE] [--source DIRECTORY] [--platform linux/amd64,linux/arm64]
//
// DIRECTORY becomes an OCI layout, as crane, skopeo and podman take it; FILE an archive for docker load. It
// prints the digest of each platform's image, and last the one to deploy.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func main() {
	out := flag.String("out", "", "the directory that becomes the OCI layout; one that exists is replaced")
	archive := flag.String("archive", "", "also write an archive for docker load")
	source := flag.String("source", "../../..", "the checkout of settle")
	platforms := flag.String("platform", "linux/"+runtime.GOARCH, "for which platforms, joined by commas")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "image: --out DIRECTORY is needed, and no arguments are taken")
		os.Exit(2)
	}
	if err := write(*source, *out, *archive, strings.Split(*platforms, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// write makes the image of each platform, writes them and checks what was written.
func write(source, out, archive string, platforms []string) error {
	index := v1.ImageIndex(mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	var images []v1.Image
	for _, text := range platforms {
		platform, err := v1.ParsePlatform(text)
		if err != nil || platform.OS != "linux" {
			return fmt.Errorf("--platform %s: a platform is linux/ARCHITECTURE, such as linux/arm64", text)
		}
		image, err := imageOf(source, *platform)
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		digest, err := image.Digest()
		if err != nil {
			return err
		}
		fmt.Printf("%s  %s\n", digest, text)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
		images = append(images, image)
	}
	if err := writeLayout(out, index, images); err != nil {
		return err
	}
	if archive != "" {
		if len(images) != 1 {
			return fmt.Errorf("--archive holds one platform's image, not %d", len(images))
		}
		if err := writeArchive(archive, images[0]); err != nil {
			return err
		}
	}
	return printDigest(index, images)
}

// writeLayout writes the images, with an index above them if there are several, and reads them back.
func writeLayout(out string, index v1.ImageIndex, images []v1.Image) error {
	if _, err := os.Stat(filepath.Join(out, "index.json")); err != nil && !os.IsNotExist(err) {
		return err
	} else if err != nil {
		if entries, _ := os.ReadDir(out); len(entries) > 0 {
			return fmt.Errorf("%s is neither empty nor an OCI layout: it is not replaced; name another directory", out)
		}
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	written, err := layout.Write(out, empty.Index)
	if err != nil {
		return err
	}
	tag := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"})
	if len(images) == 1 {
		if err := written.AppendImage(images[0], tag); err != nil {
			return err
		}
	} else if err := written.AppendIndex(index, tag); err != nil {
		return err
	}
	back, err := layout.ImageIndexFromPath(out)
	if err != nil {
		return err
	}
	if err := validate.Index(back); err != nil {
		return fmt.Errorf("%s: what was written is not what is to be there: %w", out, err)
	}
	return nil
}

func writeArchive(path string, image v1.Image) error {
	tag, err := name.NewTag("settle:latest")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, tag, image)
}

// printDigest prints what a manifest names: the image's digest, or that of the index above several.
func printDigest(index v1.ImageIndex, images []v1.Image) error {
	digest, err := images[0].Digest()
	if len(images) > 1 {
		digest, err = index.Digest()
	}
	if err != nil {
		return err
	}
	_, err = fmt.Println(digest)
	return err
}
