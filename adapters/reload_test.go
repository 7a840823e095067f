package adapters_test

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/certtest"
	"nativebridge/adapters/internal/logtest"
)

// reloaded is a configuration whose secrets are in files.
type reloaded struct {
	t       *testing.T
	dir     string
	environ map[string]string
	config  adapters.Config
	reloads *adapters.Reloads
	log     *logtest.Log
}

// newReloaded has the named settings come from files of that content.
func newReloaded(t *testing.T, more map[string]string, secrets map[string]string) *reloaded {
	t.Helper()
	r := &reloaded{t: t, dir: t.TempDir(), environ: minimal(), log: &logtest.Log{}}
	maps.Copy(r.environ, more)
	for name, content := range secrets {
		delete(r.environ, name)
		r.environ[name+"_FILE"] = filepath.Join(r.dir, name)
		r.write(name, content)
	}
	var err error
	if r.config, err = adapters.LoadConfig(r.environ); err != nil {
		t.Fatal(err)
	}
	r.reloads = adapters.NewReloads(r.environ, r.config, slog.New(slog.NewTextHandler(r.log, nil)), time.Now)
	return r
}

func (r *reloaded) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// says reads the files again, and returns what the log says of that.
func (r *reloaded) says() string {
	before := len(r.log.String())
	r.reloads.Reload(r.t.Context())
	return r.log.String()[before:]
}

func TestASecretIsReadAgainAndOnlyItsNameIsTold(t *testing.T) {
	r := newReloaded(t, map[string]string{"AUTH0_SESSION_ENDER_CLIENT_ID": "ender", "AUTHSIGNAL_WEBHOOKS": "on"}, map[string]string{
		"AUTHSIGNAL_SECRET": "s3cr3t-of-112-bits", "AUTH0_CLIENT_SECRET": "s3cr3t-2", "AUTH0_SESSION_ENDER_CLIENT_SECRET": "s3cr3t-3", "REPLAY_STORE": "redis://s3cr3t.internal",
	})
	adapter := r.config.Auth0 // has a copy
	if said := r.says(); !strings.Contains(said, "settings=[]") {
		t.Errorf("nothing has changed, and it says %s", said)
	}
	r.write("AUTH0_CLIENT_SECRET", "s3cr3t-new\n")
	r.write("AUTH0_SESSION_ENDER_CLIENT_SECRET", "s3cr3t-newer\n")
	said := r.says()
	if !strings.Contains(said, `settings="[AUTH0_CLIENT_SECRET AUTH0_SESSION_ENDER_CLIENT_SECRET]"`) || adapter.ClientSecret.Reveal() != "s3cr3t-new" || adapter.Ender.ClientSecret.Reveal() != "s3cr3t-newer" {
		t.Errorf("it says %s, and holds the new ones: %t", said, adapter.ClientSecret.Reveal() == "s3cr3t-new")
	}
	r.write("REPLAY_STORE", "redis://s3cr3t.elsewhere")
	if said := r.says(); !strings.Contains(said, "level=WARN") || !strings.Contains(said, "REPLAY_STORE") || !strings.Contains(said, "next start") {
		t.Errorf("of what is taken at the next start it says %s", said)
	}
	if told := r.log.String() + fmt.Sprintf("%+v", r.config); strings.Contains(told, "s3cr3t") {
		t.Errorf("a secret is told: %s", told)
	}
}

func TestIfAFileIsNoGoodAllOfTheOldIsKept(t *testing.T) {
	pair := certtest.New(t).Issue(time.Now().Add(30 * 24 * time.Hour))
	r := newReloaded(t, nil, map[string]string{"AUTHSIGNAL_SECRET": "s3cr3t-1", "AUTH0_CLIENT_SECRET": "s3cr3t-2"})
	r.write("cert", string(pair.Cert))
	r.write("key", string(pair.Key))
	r.environ["TLS_CERT_FILE"], r.environ["TLS_KEY_FILE"] = filepath.Join(r.dir, "cert"), filepath.Join(r.dir, "key")
	var err error
	if r.config, err = adapters.LoadConfig(r.environ); err != nil {
		t.Fatal(err)
	}
	r.reloads = adapters.NewReloads(r.environ, r.config, slog.New(slog.NewTextHandler(r.log, nil)), time.Now)
	expires := r.config.HTTP.TLS.Expires()
	r.write("AUTH0_CLIENT_SECRET", "s3cr3t-new")
	for name, broken := range map[string]string{"AUTHSIGNAL_SECRET": "", "cert": "s3cr3t", "key": string(certtest.New(t).Issue(time.Now().Add(time.Hour)).Key)} {
		good, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r.write(name, broken)
		said := r.says()
		if !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "old ones are kept") || strings.Contains(said, "s3cr3t") || !r.reloads.Trouble() {
			t.Errorf("%s is broken, and it says %s; trouble: %t", name, said, r.reloads.Trouble())
		}
		if r.config.Auth0.ClientSecret.Reveal() != "s3cr3t-2" || r.config.Authsignal.Secret.Reveal() != "s3cr3t-1" || r.config.HTTP.TLS.Expires() != expires {
			t.Errorf("%s is broken, and something new is held", name)
		}
		r.write(name, string(good))
	}
	if said := r.says(); !strings.Contains(said, "settings=[AUTH0_CLIENT_SECRET]") || r.reloads.Trouble() || r.config.Auth0.ClientSecret.Reveal() != "s3cr3t-new" {
		t.Errorf("all is mended, and it says %s; trouble: %t", said, r.reloads.Trouble())
	}
}

func TestTheEndOfTheCertificateIsToldBefore(t *testing.T) {
	for name, tt := range map[string]struct {
		left time.Duration
		says string
	}{
		"far":  {30 * 24 * time.Hour, "level=INFO"},
		"soon": {6 * 24 * time.Hour, "level=WARN"},
		"past": {-time.Hour, "level=ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, dir, environ := certtest.New(t).Issue(time.Now().Add(tt.left)), t.TempDir(), minimal()
			environ["TLS_CERT_FILE"], environ["TLS_KEY_FILE"] = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
			certtest.Write(t, environ["TLS_CERT_FILE"], pair.Cert)
			certtest.Write(t, environ["TLS_KEY_FILE"], pair.Key)
			config, err := adapters.LoadConfig(environ)
			if err != nil {
				t.Fatal(err)
			}
			log := &logtest.Log{}
			adapters.NewReloads(environ, config, slog.New(slog.NewTextHandler(log, nil)), time.Now)
			if said := log.String(); !strings.Contains(said, tt.says) || !strings.Contains(said, "TLS_CERT_FILE") {
				t.Errorf("it says %s, want %s", said, tt.says)
			}
		})
	}
}
