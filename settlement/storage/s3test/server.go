// Package s3test starts a real S3 server for tests: versitygw, which scripts/s3/install builds.
// Tests that need it begin with
//
//	if !s3test.Enabled(t) {
//		return
//	}
//
// and run only if SETTLE_S3=1 is in the environment (make s3).
package s3test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// Region is the server's region.
	Region = "us-east-1"
	// Root is the profile of the server's own user, who may do everything.
	Root = "root"

	startLimit = 30 * time.Second
)

// Enabled reports whether tests with an S3 server are wanted, and if not logs how to run them.
func Enabled(t testing.TB) bool {
	t.Helper()
	if os.Getenv("SETTLE_S3") == "1" {
		return true
	}
	t.Log("not run: needs an S3 server; run make s3, or scripts/s3/install and then the tests with SETTLE_S3=1")
	return false
}

// A Server is a running S3 server with users and buckets of its own.
type Server struct {
	// Endpoint is its URL.
	Endpoint string

	t       testing.TB
	program string
	folder  string
	buckets atomic.Int64
	// identities is the endpoint of the service that keeps users with policies of their own; "" if
	// the server keeps its users by itself.
	identities string

	mutex sync.Mutex
	keys  map[string]credentials // by profile
}

type credentials struct{ access, secret string }

// Start starts a server on a free port with its data in a temporary directory. It ends with the
// test. For the length of the test the AWS settings of the environment are those of a machine
// that has profiles for the server's users and nothing else.
func Start(t *testing.T) *Server {
	t.Helper()
	s := prepare(t)
	users := s.mkdir("users")
	s.serve(t, "--iam-dir", users, "--iam-cache-disable")
	return s
}

// prepare makes a server that does not run yet.
func prepare(t *testing.T) *Server {
	t.Helper()
	s := &Server{t: t, program: program(t), folder: t.TempDir(), keys: map[string]credentials{}}
	s.keys[Root] = credentials{"root-access", "root-secret-that-nobody-may-see"}
	s.isolate(t)
	return s
}

func (s *Server) mkdir(name string) string {
	s.t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// serve starts the server with what is said about its users.
func (s *Server) serve(t *testing.T, users ...string) {
	t.Helper()
	address := freeAddress(t)
	s.Endpoint = "http://" + address
	arguments := append([]string{"--port", address, "--region", Region, "--health", "/health", "--quiet", "--keep-alive"}, users...)
	ended := s.start(t, append(arguments, "posix", s.mkdir("data"))...)
	s.await(s.Endpoint, ended)
}

// start starts the program, which ends with the test.
func (s *Server) start(t *testing.T, arguments ...string) (ended chan struct{}) {
	t.Helper()
	command := exec.Command(s.program, arguments...)
	root := s.keys[Root]
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+root.access, "ROOT_SECRET_KEY="+root.secret)
	said := new(bytes.Buffer)
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		t.Fatalf("start %s: %v", s.program, err)
	}
	ended = make(chan struct{})
	go func() { command.Wait(); close(ended) }()
	t.Cleanup(func() {
		command.Process.Kill()
		<-ended
		if t.Failed() && said.Len() > 0 {
			t.Logf("the server said: %.4000s", said.String())
		}
	})
	return ended
}

// program returns the path of the server's binary.
func program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("SETTLE_VERSITYGW")
	if path == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			cache = filepath.Join(os.Getenv("HOME"), ".cache")
		}
		path = filepath.Join(cache, "settle", "bin", "versitygw")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("there is no S3 server at %s: run scripts/s3/install, or name one by SETTLE_VERSITYGW", path)
	}
	return path
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (s *Server) await(endpoint string, ended <-chan struct{}) {
	s.t.Helper()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			s.t.Fatal("the S3 server ended")
		default:
		}
		response, err := http.Get(endpoint + "/health")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
	}
	s.t.Fatalf("the S3 server did not answer within %s", startLimit)
}

// isolate hides the AWS settings of the machine from the test.
func (s *Server) isolate(t *testing.T) {
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // restores it after the test
			os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(s.folder, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(s.folder, "credentials"))
	if err := os.WriteFile(filepath.Join(s.folder, "config"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.writeProfiles()
}

func (s *Server) writeProfiles() {
	s.t.Helper()
	var text strings.Builder
	for profile, keys := range s.keys {
		fmt.Fprintf(&text, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, keys.access, keys.secret)
	}
	if err := os.WriteFile(filepath.Join(s.folder, "credentials"), []byte(text.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// AddProfile puts a profile with credentials into the shared credentials file, whether the
// server knows them or not.
func (s *Server) AddProfile(profile, access, secret string) {
	s.t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.keys[profile] = credentials{access, secret}
	s.writeProfiles()
}

// AddUser makes a user of the server, who may use the buckets that it owns, and a profile of the
// same name with the user's credentials. A user of [StartWithIdentities] may do what policies say.
func (s *Server) AddUser(name string) {
	s.t.Helper()
	if s.identities != "" {
		s.addIdentity(name)
		return
	}
	access, secret := name+"-access", name+"-secret-that-nobody-may-see"
	s.admin("create-user", "--access", access, "--secret", secret, "--role", "user")
	s.AddProfile(name, access, secret)
}

// AddBucket makes an empty bucket that belongs to a profile's user, or to the server's own user if
// identities are kept apart.
func (s *Server) AddBucket(name, owner string) {
	s.t.Helper()
	if s.identities != "" {
		s.createBucket(name)
		return
	}
	s.admin("create-bucket", "--bucket", name, "--owner", s.keys[owner].access)
}

// NewBucket makes an empty bucket with a name of its own, which it returns.
func (s *Server) NewBucket() string {
	s.t.Helper()
	name := fmt.Sprintf("bucket-%d", s.buckets.Add(1))
	s.AddBucket(name, Root)
	return name
}

func (s *Server) admin(arguments ...string) {
	s.t.Helper()
	root := s.keys[Root]
	all := append([]string{"admin", "--endpoint-url", s.Endpoint, "--region", Region}, arguments...)
	command := exec.Command(s.program, all...)
	command.Env = append(os.Environ(), "ADMIN_ACCESS_KEY="+root.access, "ADMIN_SECRET_KEY="+root.secret)
	if output, err := command.CombinedOutput(); err != nil {
		s.t.Fatalf("versitygw admin %s: %v\n%s", arguments[0], err, output)
	}
}

// URL returns where a bucket lies as storage.OpenURL takes it, with a profile's credentials.
func (s *Server) URL(bucket, prefix, profile string) string {
	return URLAt(s.Endpoint, bucket, prefix, profile)
}

// URLAt is URL for a server that is reached through another endpoint, such as a proxy.
func URLAt(endpoint, bucket, prefix, profile string) string {
	place := "s3://" + bucket
	if prefix != "" {
		place += "/" + prefix
	}
	return place + "?" + url.Values{"endpoint": {endpoint}, "region": {Region}, "path_style": {"true"}, "profile": {profile}}.Encode()
}
