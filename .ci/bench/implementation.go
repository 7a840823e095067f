package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// deadline is how long an exchange may take, of all implementations that have a limit.
const deadline = 10 * time.Second

// implementation is something that turns a challenge token into a session.
type implementation struct {
	name    string
	path    string // of its endpoint
	ready   string // of the probe that is asked before the first request; "" if there is none
	command []string
	env     func(*vendors, addresses) []string
	folder  string // that it runs in and that has a package.json, or ""
}

const (
	floorName, baselineName, bridgeName = "floor", "floor-verify", "native-bridge"
	guideName, tunedName                = "node-guide", "node-tuned"
)

// implementations returns all of them. Self is this program's file, and other a second
// build of the bridge, or "".
func implementations(self, bridge, other string) []implementation {
	all := []implementation{
		{name: floorName, path: "/", command: []string{self, "floor"}, env: vendorURLs},
		{name: baselineName, path: "/", command: []string{self, "floor", "-verify"}, env: vendorURLs},
		{name: bridgeName, path: "/v1/sessions", ready: "/readyz", command: []string{bridge, "serve"}, env: bridgeSettings},
		{name: guideName, path: "/", command: []string{"node", "server.js"}, env: vendorURLs, folder: ".ci/bench/node/guide"},
		{name: tunedName, path: "/", command: []string{"node", "server.js"}, env: vendorURLs, folder: ".ci/bench/node/tuned"},
	}
	if other != "" {
		all = append(all, implementation{name: "other", path: "/v1/sessions", ready: "/readyz", command: []string{other, "serve"}, env: bridgeSettings})
	}
	return all
}

// vendorURLs is the environment of what is not the bridge.
func vendorURLs(v *vendors, at addresses) []string {
	_, port, _ := net.SplitHostPort(at.api)
	return []string{"LISTEN_ADDR=" + at.api, "METRICS_ADDR=" + at.metrics, "PORT=" + port, fmt.Sprint("DEADLINE_MS=", deadline.Milliseconds()),
		"AUTHSIGNAL_URL=" + v.authsignal.URL, "AUTH0_URL=" + v.auth0.URL, "NODE_EXTRA_CA_CERTS=" + v.ca}
}

// bridgeSettings are the defaults, but for what would be in the way of a measurement.
func bridgeSettings(v *vendors, at addresses) []string {
	return []string{
		"LISTEN_ADDR=" + at.api, "OPS_ADDR=" + at.ops, "METRICS_ADDR=" + at.metrics, "DRAIN_DELAY=0s",
		"AUTHSIGNAL_API_URL=" + v.authsignal.URL + "/v1", "AUTHSIGNAL_ACTION=signIn", "AUTH0_DOMAIN=" + v.auth0.URL,
		"RATE_LIMITS=off",   // all tokens are one person's, from one address
		"MAX_CPU_WAIT=0",    // would refuse what the one core cannot do
		"STARTUP_CHECK=off", // asks for more than these vendors know
	}
}

// addresses are those that a process listens on.
type addresses struct{ api, ops, metrics string }

// running is an implementation that serves.
type running struct {
	implementation
	*process
	*vendors
	addresses
	listening time.Duration // how long after its start
}

// start starts the implementation with vendors of its own; more are settings of the bridge.
func (i implementation) start(folder string, under conditions, more ...string) (*running, error) {
	v, err := under.open(folder)
	if err != nil {
		return nil, err
	}
	r, err := i.join(v, more...)
	if err != nil {
		v.close()
	}
	return r, err
}

// join starts the implementation with vendors that there are.
func (i implementation) join(v *vendors, more ...string) (*running, error) {
	r := &running{implementation: i, vendors: v}
	for _, addr := range []*string{&r.api, &r.ops, &r.metrics} {
		var err error
		if *addr, err = freeAddr(); err != nil {
			return nil, err
		}
	}
	env := append(i.env(v, r.addresses), "AUTHSIGNAL_SECRET="+authsignalSecret, "AUTH0_CLIENT_ID="+clientID,
		"AUTH0_CLIENT_SECRET="+clientSecret, "AUTH0_CONNECTION="+connection, "AUTH0_AUDIENCE="+audience)
	if v.ca != "" {
		env = append(env, "SSL_CERT_FILE="+v.ca)
	}
	began := time.Now()
	var err error
	if r.process, err = start(theirCore, i.folder, append(env, more...), i.command...); err != nil {
		return nil, err
	}
	if err := r.await(func() bool { return listens(r.api) }); err != nil {
		r.process.stop()
		return nil, err
	}
	r.listening = time.Since(began)
	if i.ready != "" {
		err = r.await(func() bool { return answers("http://" + r.ops + i.ready) })
	}
	return r, err
}

// stop ends the process and its vendors.
func (r *running) stop() {
	r.process.stop()
	r.close()
}

// load returns callers for it, whose tokens nobody has seen.
func (r *running) load() load {
	return load{addresses: []string{r.api}, path: r.path, mint: newMint(), delayOf: r.delayOf, patience: deadline + 5*time.Second}
}

// install installs what the implementation needs of npm, unless it is there.
func (i implementation) install() error {
	if i.folder == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(i.folder, "node_modules")); err == nil {
		return nil
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	npm.Dir, npm.Stderr = i.folder, os.Stderr
	return npm.Run()
}
