package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// A plane is a running control plane: etcd, an API server, a controller manager.
type plane struct {
	programs string // the directory of its programs
	folder   string // its data, keys and logs
	token    string
	server   string // the API server's URL
	client   *kubernetes.Clientset
	manager  *daemon
	daemons  []*daemon
}

// A daemon is a program that runs until it is stopped.
type daemon struct {
	name    string
	command *exec.Cmd
	ended   chan struct{}
}

// startDaemon starts a program whose output goes to a log in folder.
func startDaemon(folder, name, program string, environment []string, arguments ...string) (*daemon, error) {
	log, err := os.OpenFile(filepath.Join(folder, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	d := &daemon{name: name, command: command, ended: make(chan struct{})}
	go func() { _ = command.Wait(); close(d.ended) }()
	return d, nil
}

// stop asks the program to end, and makes it after a while.
func (d *daemon) stop() {
	_ = d.command.Process.Signal(os.Interrupt)
	select {
	case <-d.ended:
	case <-time.After(10 * time.Second):
		_ = d.command.Process.Kill()
		<-d.ended
	}
}

// startPlane starts a control plane on this machine alone, with its data in folder.
func startPlane(ctx context.Context, programs, folder string) (p *plane, err error) {
	p = &plane{programs: programs, folder: folder}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	token := make([]byte, 16)
	if _, err := rand.Read(token); err != nil {
		return p, err
	}
	p.token = hex.EncodeToString(token)
	store, err := p.startStore()
	if err != nil {
		return p, err
	}
	if err := p.startServer(ctx, store); err != nil {
		return p, err
	}
	return p, p.startManager()
}

func (p *plane) startStore() (endpoint string, err error) {
	client, peer := freeAddress(), freeAddress()
	etcd, err := startDaemon(p.folder, "etcd", filepath.Join(p.programs, "etcd"), nil,
		"--data-dir", filepath.Join(p.folder, "etcd"),
		"--listen-client-urls", "http://"+client, "--advertise-client-urls", "http://"+client,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer, "--initial-cluster", "default=http://"+peer,
		// Nothing here has to outlive this program.
		"--unsafe-no-fsync", "--log-level", "warn")
	if err != nil {
		return "", err
	}
	p.daemons = append(p.daemons, etcd)
	return "http://" + client, nil
}

func (p *plane) startServer(ctx context.Context, store string) error {
	key, err := p.writeKey()
	if err != nil {
		return err
	}
	tokens := filepath.Join(p.folder, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(p.token+`,admin,admin,"system:masters"`+"\n"), 0o600); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(freeAddress())
	if err != nil {
		return err
	}
	p.server = "https://" + net.JoinHostPort(host, port)
	server, err := startDaemon(p.folder, "kube-apiserver", filepath.Join(p.programs, "kube-apiserver"), nil,
		"--etcd-servers", store, "--bind-address", host, "--secure-port", port, "--cert-dir", filepath.Join(p.folder, "certificates"),
		"--service-account-issuer", p.server, "--service-account-key-file", key, "--service-account-signing-key-file", key,
		"--token-auth-file", tokens, "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/24",
		// This machine may have no address but the loopback's.
		"--advertise-address", host, "--endpoint-reconciler-type", "none")
	if err != nil {
		return err
	}
	p.daemons = append(p.daemons, server)
	// The server writes its certificate when it starts.
	for p.client, err = p.connect(); err != nil; p.client, err = p.connect() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-server.ended:
			return fmt.Errorf("kube-apiserver ended; see %s/kube-apiserver.log", p.folder)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return p.await(ctx, server)
}

// connect makes a client, once the server's certificate is there.
func (p *plane) connect() (*kubernetes.Clientset, error) {
	authority := filepath.Join(p.folder, "certificates", "apiserver.crt")
	if _, err := os.Stat(authority); err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(&rest.Config{
		Host: p.server, BearerToken: p.token, TLSClientConfig: rest.TLSClientConfig{CAFile: authority},
		// The loop that plays the node asks often.
		QPS: 200, Burst: 400,
	})
}

// await waits until the API server says that it is ready.
func (p *plane) await(ctx context.Context, server *daemon) error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		_, err := p.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-server.ended:
			return fmt.Errorf("kube-apiserver ended; see %s/kube-apiserver.log", p.folder)
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver was not ready within %s: %w; see %s/kube-apiserver.log", limit, err, p.folder)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// startManager starts the controllers that Jobs need. It is stopped and started again while the rest runs.
func (p *plane) startManager() error {
	path, err := p.writeConfig()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(freeAddress())
	if err != nil {
		return err
	}
	p.manager, err = startDaemon(p.folder, "kube-controller-manager", filepath.Join(p.programs, "kube-controller-manager"), nil,
		"--kubeconfig", path, "--bind-address", "127.0.0.1", "--secure-port", port, "--cert-dir", filepath.Join(p.folder, "manager"),
		"--controllers", "cronjob,job,serviceaccount,namespace,garbagecollector", "--leader-elect=false")
	return err
}

// stopManager stops the controllers: no CronJob starts anything any more.
func (p *plane) stopManager() {
	if p.manager != nil {
		p.manager.stop()
		p.manager = nil
	}
}

// writeKey makes the key that signs the tokens of service accounts.
func (p *plane) writeKey() (path string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	path = filepath.Join(p.folder, "service-accounts.pem")
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return path, os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// writeConfig writes how programs reach the API server.
func (p *plane) writeConfig() (path string, err error) {
	path = filepath.Join(p.folder, "kubeconfig")
	return path, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: plane
contexts: [{name: plane, context: {cluster: plane, user: admin}}]
clusters: [{name: plane, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %s}}]
`, p.server, filepath.Join(p.folder, "certificates", "apiserver.crt"), p.token), 0o600)
}

// kubectl runs kubectl with an input, and returns what it printed.
func (p *plane) kubectl(ctx context.Context, input []byte, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, filepath.Join(p.programs, "kubectl"), append([]string{"--kubeconfig", filepath.Join(p.folder, "kubeconfig")}, arguments...)...)
	return output(command, input)
}

func (p *plane) stop() {
	p.stopManager()
	for i := len(p.daemons) - 1; i >= 0; i-- {
		p.daemons[i].stop()
	}
}

// freeAddress returns an address of this machine on which nobody listens.
func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback: nothing here can work
	}
	defer listener.Close()
	return listener.Addr().String()
}
