// Package redistest starts real Redis servers for tests: on loopback, on a free
// port, with their data in a temporary folder. They can be killed, paused and
// started again as they were. The package needs redis-server on the PATH; the environment's
// REDISTEST_SERVER names another program to start, such as a valkey-server.
package redistest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Options for Start. The zero value is a server that saves nothing to disk.
type Options struct {
	// Config is added to redis.conf, such as "appendonly yes\nmaxmemory 2mb".
	Config string
	// Sentinel starts a Sentinel in place of a server. Its Config must monitor
	// something.
	Sentinel bool
	// TLS makes the server listen with TLS only, under an authority of its own, or that of
	// another server, which it then trusts.
	TLS bool
	// Like is that other server.
	Like *Server
	// Password is what Do logs in with, if it is not "". Config must require it.
	Password string
}

// Server is a redis-server process. Only Addr, URL, CertPool and Do are safe for
// concurrent use.
type Server struct {
	options Options
	addr    string
	busPort string // on which the servers of a cluster talk; "" if it is in none
	dir     string
	roots   *x509.CertPool
	process *exec.Cmd
	paused  bool
	client  *redis.Client
}

// Start starts a server and returns once it answers.
func Start(o Options) (*Server, error) {
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, dir: dir}
	if err := s.startAnywhere(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	s.client = redis.NewClient(s.clientOptions())
	return s, nil
}

// Addr returns the server's host and port, which it keeps.
func (s *Server) Addr() string { return s.addr }

// URL returns the server's redis:// or rediss:// URL, without credentials.
func (s *Server) URL() string {
	if s.options.TLS {
		return "rediss://" + s.addr
	}
	return "redis://" + s.addr
}

// CertPool holds the server's own authority, and is nil without TLS.
func (s *Server) CertPool() *x509.CertPool { return s.roots }

// Do sends one command as the default user, such as "FLUSHALL".
func (s *Server) Do(ctx context.Context, command ...any) (any, error) {
	return s.client.Do(ctx, command...).Result()
}

// Kill ends the server as a crash does, with SIGKILL. What it did not write to
// disk is lost.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Kill()
	_ = s.process.Wait() // it reports the signal
	s.process, s.paused = nil, false
	return err
}

// Runs reports whether the server is neither killed nor paused.
func (s *Server) Runs() bool { return s.process != nil && !s.paused }

// Restart kills the server if it runs, and starts it again where it was, with
// what it had written to disk.
func (s *Server) Restart() error {
	if err := s.Kill(); err != nil {
		return err
	}
	return s.run()
}

// Pause makes the server hang: it accepts connections and answers nothing.
func (s *Server) Pause() error {
	s.paused = true
	return s.process.Process.Signal(syscall.SIGSTOP)
}

// Resume ends a Pause, if there is one.
func (s *Server) Resume() error {
	if !s.paused {
		return nil
	}
	s.paused = false
	return s.process.Process.Signal(syscall.SIGCONT)
}

// Close kills the server and removes its data.
func (s *Server) Close() error {
	return errors.Join(s.client.Close(), s.Kill(), os.RemoveAll(s.dir))
}

func (s *Server) clientOptions() *redis.Options {
	o := &redis.Options{Addr: s.addr, Password: s.options.Password, Protocol: 2, DisableIdentity: true}
	if s.options.TLS {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.roots}
	}
	return o
}

// startAnywhere starts the server on a free port. Somebody else may take the port
// before the server does, so there is more than one try.
func (s *Server) startAnywhere() (err error) {
	switch {
	case s.options.Like != nil:
		err = s.takeCertificate(s.options.Like)
	case s.options.TLS:
		err = s.makeCertificate()
	}
	if err != nil {
		return err
	}
	for range 5 {
		if s.addr, err = freeAddr(); err != nil {
			return err
		}
		if err = s.chooseBusPort(); err != nil {
			return err
		}
		if err = s.writeConfig(); err != nil {
			return err
		}
		if err = s.run(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// chooseBusPort does not leave the port of a cluster's bus to the server: it would be ten
// thousand above the other, and that may be none.
func (s *Server) chooseBusPort() error {
	if !strings.Contains(s.options.Config, "cluster-enabled yes") {
		return nil
	}
	addr, err := freeAddr()
	if err == nil {
		_, s.busPort, err = net.SplitHostPort(addr)
	}
	return err
}

func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

var errPortTaken = errors.New("the port is taken")

// run starts the process and waits until it says that it serves.
func (s *Server) run() error {
	program, err := exec.LookPath(cmp.Or(os.Getenv("REDISTEST_SERVER"), "redis-server"))
	if err != nil {
		return fmt.Errorf("redis-server is not installed: on Debian, apt-get install redis-server: %w", err)
	}
	args := []string{"redis.conf"}
	if s.options.Sentinel {
		args = append(args, "--sentinel")
	}
	s.process = exec.Command(program, args...)
	s.process.Dir = s.dir
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	if said, ready := untilReady(lines); !ready {
		_ = s.Kill()
		if strings.Contains(said, "Address already in use") {
			return errPortTaken
		}
		return fmt.Errorf("redis-server ended at once:\n%s", said)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // so that the pipe never fills
	return nil
}

// untilReady reads what the server says until it serves, or ends.
func untilReady(lines *bufio.Scanner) (said string, ready bool) {
	var text strings.Builder
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ready to accept connections") || strings.Contains(lines.Text(), "+monitor master") {
			return text.String(), true
		}
	}
	return text.String(), false
}

func (s *Server) writeConfig() error {
	_, port, _ := net.SplitHostPort(s.addr)
	lines := []string{"bind 127.0.0.1"}
	if s.options.TLS {
		lines = append(lines, "port 0", "tls-port "+port, "tls-auth-clients no",
			"tls-cert-file "+certificateFile, "tls-key-file "+keyFile, "tls-ca-cert-file "+certificateFile,
			"tls-replication yes") // by which a Sentinel knows that it has to use TLS, too
		if s.busPort != "" {
			lines = append(lines, "tls-cluster yes")
		}
	} else {
		lines = append(lines, "port "+port)
	}
	if !s.options.Sentinel {
		lines = append(lines, `save ""`)
	}
	if s.busPort != "" {
		lines = append(lines, "cluster-port "+s.busPort)
	}
	lines = append(lines, s.options.Config, "")
	return os.WriteFile(filepath.Join(s.dir, "redis.conf"), []byte(strings.Join(lines, "\n")), 0o600)
}
