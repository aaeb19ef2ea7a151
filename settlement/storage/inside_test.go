package storage_test

import (
	"os"
	"path/filepath"
	"testing"

	"alliance/settlement/storage"
)

// TestInside compares locations that are named in different ways.
func TestInside(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "https://store.example.com",
	} {
		t.Setenv(name, value)
	}
	folder := t.TempDir()
	t.Chdir(folder)
	for _, made := range []string{"alliance/inbox/merchant=A", "elsewhere"} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"link": "alliance", "deep": filepath.Join(folder, "alliance/inbox/merchant=A"), "nowhere": "gone", "circle": "circle",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	const other = "?endpoint=https://other.example.com"
	cases := []struct {
		inner, outer string
		key          string
		inside       bool
	}{
		{"alliance", "alliance", "", true},
		{"alliance/inbox/", "./alliance//inbox", "", true},
		{"alliance/inbox/merchant=A", "alliance/inbox", "merchant=A", true},
		{"alliance/inbox", "alliance/inbox/merchant=A", "", false},
		{"alliance/in", "alliance/inbox", "", false},
		{"alliance/inboxes", "alliance/inbox", "", false},
		{"alliance/ledger", "alliance/inbox", "", false},
		{"elsewhere/../alliance/inbox", "alliance/inbox", "", true},
		{"elsewhere", "/", filepath.ToSlash(filepath.Join(folder, "elsewhere"))[1:], true},
		{".", folder, "", true},
		{filepath.Join(folder, "alliance"), ".", "alliance", true},
		{"file://" + folder + "/alliance", "alliance", "", true},
		{"file://" + folder + "/%61lliance/inbox", "alliance", "inbox", true},

		// Links, also above what does not exist.
		{"link", "alliance", "", true},
		{"link/inbox", "alliance", "inbox", true},
		{"link/inbox/not/yet", "alliance/inbox", "not/yet", true},
		{"alliance/not/yet", "link/not", "yet", true},
		{"alliance/not/yet", "link/not yet", "", false},
		{"deep", "link/inbox", "merchant=A", true},
		{"deep/../told", "alliance/inbox", "told", true},
		{"nowhere", "nowhere", "", true},
		{"circle", "alliance", "", false},

		// Prefixes.
		{"s3://bucket/a", "s3://bucket/a", "", true},
		{"s3://bucket/a/", "s3://bucket/a", "", true},
		{"s3://bucket/a/b", "s3://bucket/a", "b", true},
		{"s3://bucket/a", "s3://bucket", "a", true},
		{"s3://bucket", "s3://bucket/", "", true},
		{"s3://bucket/ab", "s3://bucket/a", "", false},
		{"s3://bucket/a", "s3://bucket/ab", "", false},
		{"s3://bucket/a", "s3://bucket/a/b", "", false},
		{"s3://other/a", "s3://bucket/a", "", false},
		{"s3://bucket/a", "alliance", "", false},
		{"alliance", "s3://bucket/a", "", false},

		// Options.
		{"s3://bucket/a/b?path_style=true", "s3://bucket/a?region=us-east-1", "b", true},
		{"s3://bucket/a" + other, "s3://bucket/a" + other + "/", "", true},
		{"s3://bucket/a" + other, "s3://bucket/a", "", false},
		{"s3://bucket/a?endpoint=https://Store.example.com/", "s3://bucket/a", "", true},

		// What opening refuses.
		{"s3://bucket/a?endpint=x", "s3://bucket/a?endpint=x", "", false},
		{"s3://bucket/a?profile=absent", "s3://bucket/a?profile=absent", "", false},
		{"ftp://bucket/a", "ftp://bucket/a", "", false},
		{"", "", "", false},
	}
	for _, one := range cases {
		key, inside := storage.Inside(t.Context(), one.inner, one.outer)
		if key != one.key || inside != one.inside {
			t.Errorf("%s in %s: %q, %t; want %q, %t", one.inner, one.outer, key, inside, one.key, one.inside)
		}
	}
}
