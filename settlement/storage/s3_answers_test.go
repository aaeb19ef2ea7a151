package storage_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alliance/settlement/storage"
)

// A scripted store answers as it is told. The first listing, of OpenS3, is empty.
type scripted struct {
	answer   func(w http.ResponseWriter, r *http.Request)
	requests atomic.Int32
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.requests.Add(1) == 1 {
		io.WriteString(w, emptyListing)
		return
	}
	io.Copy(io.Discard, r.Body)
	s.answer(w, r)
}

const emptyListing = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`

// asNobodyElse makes the AWS settings of the environment those of the test alone.
func asNobodyElse(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "access")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-that-nobody-may-see")
	for _, name := range []string{"AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_MAX_ATTEMPTS"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
}

// scriptedBucket returns a bucket of a store whose answers a test gives. It needs no server.
func scriptedBucket(t *testing.T, answer func(http.ResponseWriter, *http.Request)) (storage.Bucket, *scripted) {
	t.Helper()
	return persistentBucket(t, 2, answer)
}

// persistentBucket is a scripted bucket that makes this many attempts.
func persistentBucket(t *testing.T, attempts int, answer func(http.ResponseWriter, *http.Request)) (storage.Bucket, *scripted) {
	t.Helper()
	asNobodyElse(t)
	store := &scripted{answer: answer}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	options := storage.S3Options{Endpoint: server.URL, Region: "us-east-1", PathStyle: true, Attempts: attempts, Stall: 2 * time.Second}
	bucket, err := storage.OpenS3(t.Context(), "books", "ledger", options)
	if err != nil {
		t.Fatal(err)
	}
	store.requests.Store(1)
	return bucket, store
}

func refuse(status int, code string, headers ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("X-Amz-Request-Id", "REQUEST7")
		w.WriteHeader(status)
		if code != "" {
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>the store's words</Message></Error>`, code)
		}
	}
}

func TestS3AnswersInWords(t *testing.T) {
	for _, test := range []struct {
		answer func(http.ResponseWriter, *http.Request)
		want   []string
	}{
		{refuse(403, "AccessDenied"), []string{"not allowed", "s3:GetObject", "the store's words", "HTTP 403", "REQUEST7"}},
		{refuse(403, ""), []string{"not allowed", "HTTP 403"}},
		{refuse(404, "NoSuchBucket"), []string{`no bucket "books"`, "create it"}},
		{refuse(404, ""), []string{"HTTP 404"}},
		{refuse(301, "PermanentRedirect", "X-Amz-Bucket-Region", "eu-west-1"), []string{"region eu-west-1", "?region=eu-west-1"}},
		{refuse(400, "AuthorizationHeaderMalformed"), []string{"another region", "?region="}},
		{refuse(403, "RequestTimeTooSkewed"), []string{"clock", "set the clock"}},
		{refuse(400, "ExpiredToken"), []string{"expired", "log in again"}},
		{refuse(403, "InvalidObjectState"), []string{"archive", "restore it"}},
		{refuse(501, "NotImplemented"), []string{"does not offer"}},
		{refuse(503, "SlowDown"), []string{"overloaded", "run again later"}},
		{refuse(500, "InternalError"), []string{"the store failed", "run again later"}},
	} {
		bucket, _ := scriptedBucket(t, test.answer)
		_, _, err := bucket.Open(t.Context(), "log/1.json", "")
		expectRefusal(t, test.want[0], err, append(test.want, "read s3://books/ledger/log/1.json")...)
	}
}

// TestS3CreateIsSentOnce holds Create to one request: only a store that says that it did
// nothing is asked again.
func TestS3CreateIsSentOnce(t *testing.T) {
	create := func(bucket storage.Bucket) error {
		return bucket.Create(t.Context(), "log/1.json", strings.NewReader("record"))
	}
	for _, status := range []int{500, 503, 502} {
		bucket, store := scriptedBucket(t, refuse(status, "InternalError"))
		expectRefusal(t, fmt.Sprint(status), create(bucket), "create s3://books/ledger/log/1.json")
		if sent := store.requests.Load() - 1; sent != 1 {
			t.Errorf("after HTTP %d Create was sent %d times", status, sent)
		}
	}
	var conflicts atomic.Int32
	bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("If-None-Match") != "*" || r.Header.Get("X-Amz-Checksum-Crc32") == "":
			t.Errorf("sent without condition or checksum: %v", r.Header)
		case conflicts.Add(1) <= 2:
			refuse(409, "ConditionalRequestConflict")(w, r)
		}
	})
	if err := create(bucket); err != nil || conflicts.Load() != 3 {
		t.Errorf("two conflicts: %v after %d requests", err, conflicts.Load())
	}
	bucket, _ = scriptedBucket(t, refuse(412, "PreconditionFailed"))
	if err := create(bucket); !errors.Is(err, storage.ErrExists) {
		t.Errorf("a key that is taken: %v", err)
	}
	bucket, _ = scriptedBucket(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	start := time.Now()
	expectRefusal(t, "no answer", create(bucket), "no progress for 2s")
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("a store that does not answer took %s", took)
	}
}

func TestS3ReadsAreRepeated(t *testing.T) {
	var requests atomic.Int32
	bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			refuse(503, "SlowDown")(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		io.WriteString(w, "content")
	})
	content, err := get(t, bucket, "k", "v1")
	if err != nil || string(content) != "content" {
		t.Errorf("read %q, %v", content, err)
	}
}

// TestS3LyingStore is told other things than it asked for.
func TestS3LyingStore(t *testing.T) {
	object := func(w http.ResponseWriter, etag, content string) {
		w.Header().Set("ETag", etag)
		io.WriteString(w, content)
	}
	bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) { object(w, `"v2"`, "other") })
	if _, err := get(t, bucket, "k", "v1"); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("another version than was asked for: %v", err)
	}
	bucket, _ = scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") })
	_, err := get(t, bucket, "k", "")
	expectRefusal(t, "no ETag", err, "no ETag")

	// The answer breaks off; what follows is another version, another part, or everything again.
	for what, rest := range map[string]func(w http.ResponseWriter){
		"another version": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 4-7/8")
			w.Header().Set("ETag", `"v2"`)
			w.WriteHeader(206)
			io.WriteString(w, "5678")
		},
		"another part": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 3-6/8")
			w.Header().Set("ETag", `"v1"`)
			w.WriteHeader(206)
			io.WriteString(w, "4567")
		},
		"everything": func(w http.ResponseWriter) { object(w, `"v1"`, "12345678") },
		"removed":    func(w http.ResponseWriter) { refuse(404, "NoSuchKey")(w, nil) },
	} {
		bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				if r.Header.Get("If-Match") != `"v1"` {
					t.Errorf("the rest was asked for without its version: %v", r.Header)
				}
				rest(w)
				return
			}
			w.Header().Set("Content-Length", "8")
			object(w, `"v1"`, "1234")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		content, err := get(t, bucket, "k", "")
		if err == nil {
			t.Errorf("%s: read %q without an error", what, content)
		}
		if changed := errors.Is(err, storage.ErrChanged); changed != (what == "another version" || what == "removed") {
			t.Errorf("%s: %v", what, err)
		}
	}

	// Listings that cannot be right.
	for _, text := range []string{
		`<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>`,
		`<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken></ListBucketResult>`,
		`<ListBucketResult><Contents><Key>elsewhere</Key><Size>1</Size><ETag>"x"</ETag></Contents></ListBucketResult>`,
		`<ListBucketResult><Contents><Key>ledger/k</Key><Size>1</Size></Contents></ListBucketResult>`,
		`<ListBucketResult><Contents><Key>ledger/k`,
	} {
		bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) })
		objects, err := bucket.List(t.Context(), "")
		if err == nil {
			t.Errorf("listed %v from %s", objects, text)
		}
	}
}

// TestS3Checksums reads the bytes whose checksums are the check values of the algorithms.
func TestS3Checksums(t *testing.T) {
	for _, test := range []struct{ name, value, kind string }{
		{"crc32", "y/Q5Jg==", ""},
		{"crc32c", "4waSgw==", ""},
		{"crc64nvme", "rosUhgp5mIg=", "FULL_OBJECT"},
		{"sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=", ""},
		{"sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=", ""},
	} {
		for _, content := range []string{"123456789", "123456788"} {
			bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Amz-Checksum-Mode") != "ENABLED" {
					t.Error("the checksum was not asked for")
				}
				w.Header().Set("ETag", `"v1"`)
				w.Header().Set("X-Amz-Checksum-"+test.name, test.value)
				w.Header().Set("X-Amz-Checksum-Type", test.kind)
				io.WriteString(w, content)
			})
			got, err := get(t, bucket, "k", "")
			if content == "123456789" {
				if err != nil || string(got) != content {
					t.Errorf("%s: read %q, %v", test.name, got, err)
				}
				continue
			}
			expectRefusal(t, test.name, err, "checksum")
		}
	}
	bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1-2"`)
		w.Header().Set("X-Amz-Checksum-Crc32", "AAAAAA==-2")
		io.WriteString(w, "of parts")
	})
	if got, err := get(t, bucket, "k", ""); err != nil || string(got) != "of parts" {
		t.Errorf("a checksum of parts: read %q, %v", got, err)
	}
}

func TestS3ForeignKeys(t *testing.T) {
	bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `<ListBucketResult><EncodingType>url</EncodingType>`)
		for i, key := range []string{"", "folder/", "a//b", "full/", "line%0Abreak+%2B", "%01"} {
			size := 1
			if i < 2 {
				size = 0
			}
			fmt.Fprintf(w, `<Contents><Key>ledger/%s</Key><Size>%d</Size><ETag>"x"</ETag></Contents>`, key, size)
		}
		io.WriteString(w, `</ListBucketResult>`)
	})
	objects, err := bucket.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, object := range objects {
		keys = append(keys, object.Key)
	}
	// The markers of folders are left out; what cannot be read is listed and says so.
	if got, want := fmt.Sprintf("%q", keys), `["\x01" "a//b" "full/" "line\nbreak +"]`; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
	_, _, err = bucket.Open(t.Context(), "a//b", "")
	if !errors.Is(err, storage.ErrInvalidKey) || !errors.Is(err, storage.ErrIrregular) {
		t.Errorf("open a key that is none: %v", err)
	}
}

// TestS3Authorities reaches a store over https whose authority AWS_CA_BUNDLE names, and one over
// http, to which the authorities do not matter.
func TestS3Authorities(t *testing.T) {
	list := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, emptyListing) })
	server := httptest.NewUnstartedServer(list)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(list)
	defer plain.Close()
	asNobodyElse(t)
	open := func(endpoint string) error {
		_, err := storage.OpenS3(t.Context(), "books", "", storage.S3Options{Endpoint: endpoint, Attempts: 1})
		return err
	}
	expectRefusal(t, "an authority that nobody knows", open(server.URL), "no answer from", "certificate")
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authorities, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", authorities)
	if err := errors.Join(open(server.URL), open(plain.URL)); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_CA_BUNDLE", authorities+".absent")
	expectRefusal(t, "an authority file that is not there", open(plain.URL), "AWS configuration", ".absent")
	t.Setenv("AWS_CA_BUNDLE", "")
	expectRefusal(t, "no region", func() error {
		_, err := storage.OpenURL(t.Context(), "s3://books/prefix")
		return err
	}(), "region is not known", "AWS_REGION")
}

func TestS3Cancellation(t *testing.T) {
	// The pauses between attempts are random: few of them may end before anything is cancelled.
	bucket, _ := persistentBucket(t, 50, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/books/ledger/body" {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "beginning")
			w.(http.Flusher).Flush()
		} else if r.Method == http.MethodPut {
			<-r.Context().Done()
			return
		} else {
			refuse(503, "SlowDown")(w, r)
			return
		}
		<-r.Context().Done()
	})
	reader, _, err := bucket.Open(t.Context(), "body", "")
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	for what, call := range map[string]func(ctx context.Context) error{
		"create": func(ctx context.Context) error { return bucket.Create(ctx, "k", strings.NewReader("x")) },
		"list":   func(ctx context.Context) error { _, err := bucket.List(ctx, ""); return err },
		"read": func(ctx context.Context) error {
			reader, _, err := bucket.Open(ctx, "body", "")
			if err != nil {
				return err
			}
			defer reader.Close()
			_, err = io.ReadAll(reader)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		start := time.Now()
		err := call(ctx)
		if !errors.Is(err, context.Canceled) || time.Since(start) > 30*time.Second {
			t.Errorf("%s: %v after %s", what, err, time.Since(start))
		}
	}
}

func TestS3Locations(t *testing.T) {
	for location, want := range map[string]string{
		"s3://":                                         "write s3://bucket/prefix",
		"s3:///prefix":                                  "write s3://bucket/prefix",
		"s3://b?x=1":                                    "write s3://bucket/prefix",
		"s3://key:nobody-may-see@books":                 "credentials do not belong in the URL",
		"s3://books/a//b":                               "invalid key",
		"s3://books?regoin=eu-west-1":                   `no option "regoin"; there are endpoint, region, path_style and profile`,
		"s3://books?secret=nobody-may-see":              `no option "secret"`,
		"s3://books?region=":                            `option "region" has no value`,
		"s3://books?region=a&region=b":                  `option "region" is given twice`,
		"s3://books?path_style=perhaps":                 `option "path_style" is true or false`,
		"s3://books?endpoint=127.0.0.1:70":              `option "endpoint" is a URL`,
		"s3://books?region=%zz":                         "percent-encoded",
		"s3://books?endpoint=http://u:nobody-may-see@h": "holds credentials",
		"s3://books?endpoint=http://127.0.0.1:1/%3Fa=nobody-may-see": "percent-encode",
	} {
		_, err := storage.OpenURL(t.Context(), location)
		expectRefusal(t, location, err, want)
	}
	for _, test := range [][3]string{
		{"/var/settlement", "inbox", "/var/settlement/inbox"},
		{"file:///var/settlement/", "inbox", "file:///var/settlement/inbox"},
		{"what?is=this", "inbox", "what?is=this/inbox"},
		{"s3://alliance", "inbox", "s3://alliance/inbox"},
		{"s3://alliance/night/?region=x&profile=y", "inbox", "s3://alliance/night/inbox?region=x&profile=y"},
	} {
		if got := storage.Below(test[0], test[1]); got != test[2] {
			t.Errorf("below %q: %q, want %q", test[0], got, test[2])
		}
	}
}
