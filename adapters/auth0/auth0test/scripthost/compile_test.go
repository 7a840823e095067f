package scripthost_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, source string
		want         []string // every one must be in the error
	}{
		{"a text above Auth0's limit", "function login() {}\n//" + strings.Repeat("x", 100_000), []string{"100000"}},
		{"no text", "", []string{"no login function"}},
		{"a function of another name", "function signIn(id, pw, callback) { callback() }", []string{"no login function"}},
		{"a value that is no function", "42", []string{"no login function"}},
		{"a syntax error", "function login() {\n  if (\n}", []string{"line 3"}},
		{"a module the host lacks", "function login() {\n  const request = require('request')\n}", []string{"line 2", `"request"`}},
		{"every module the host lacks", "const a = require('axios@0.22.0')\nfunction login() { require(`node:https`) }", []string{`line 1: the module "axios@0.22.0"`, `line 2: the module "node:https"`}},
		{"a file", "function login() { require('/etc/passwd') }", []string{`"/etc/passwd"`}},
		{"a global the host lacks", "function login() {\n new Intl.DateTimeFormat('de'); return new FormData() }", []string{"line 2: `Intl`", "line 2: `FormData`"}},
		{"a global in an object", "function login() { return {Blob} }", []string{"`Blob`"}},
		{"a global reached through another", "function login() { return globalThis.WebSocket }", []string{"`WebSocket`"}},
		{"a static method the engine lacks", "function login() { return Array.fromAsync([]) }", []string{"`Array.fromAsync`"}},
		{"the matches a regular expression leaves behind", "function login() { /(a)/.test('a'); return RegExp.$1 }", []string{"`RegExp.$1`"}},
		{"a function a module of the host lacks", "const crypto = require('crypto')\nfunction login() { crypto.createVerify('RSA-SHA256') }", []string{"line 2: `createVerify` of the module \"crypto\""}},
		{"a function taken out of a module at once", "const { scrypt, randomUUID } = require('node:crypto')\nfunction login() {}", []string{"line 1: `scrypt`"}},
		{"a function of a module that is not kept", "function login() { require('util').parseArgs() }", []string{"`parseArgs`"}},
		{"a Unicode property escape, which would never match", `function login(id) { return /^\p{L}+$/u.test(id) }`, []string{`\p{…}`}},
		{"one in a text", `function login(id) { return new RegExp('\\P{L}', 'u').test(id) }`, []string{`\p{…}`}},
		{"flags the engine lacks", `function login(id) { return /a/d.exec(id) }`, []string{"line 1"}},
		{"streams", "async function login() { const r = await fetch(''); r.body.getReader() }", []string{"`.getReader`"}},
		{"a date in words", "function login() { return new Date().toLocaleDateString('de-DE', {timeZone: 'Europe/Berlin'}) }", []string{"`.toLocaleDateString`"}},
		{"a number in words", "function login() { return (1).toLocaleString('en-US') }", []string{"`.toLocaleString`"}},
		{"a function used outside its block", "function login() {\n  if (true) { function inner() {} }\n  inner()\n}", []string{"line 3: `inner`"}},
		{"for await", "async function login() {\n  for await (const x of []) {}\n}", []string{"line 2", "`for await`"}},
		{"an async generator", "async function* all() {}\nfunction login() {}", []string{"line 1", "async generators"}},
		{"an import in the middle", "async function login() {\n  const c = await import('crypto')\n}", []string{"line 2", "`import`"}},
		{"an import at the top", "import crypto from 'crypto'\nfunction login() {}", []string{"line 1", "`import`"}},
	}
	host := newHost(t, scripthost.Options{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := host.Compile(c.source)
			if err == nil {
				t.Fatal("the script is not refused")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error = %q, want it to tell %q", err, part)
				}
			}
		})
	}
}

func TestCompileAccepts(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, source string }{
		{"a name of its own that a global has elsewhere", "function login(id, pw, callback) { const Intl = {}, { File } = id; function Blob() {} callback(Intl.x, File, Blob) }"},
		{"a parameter of that name", "function login(navigator, pw, callback) { callback(navigator.language) }"},
		{"a key of that name", "function login(id, pw, callback) { callback(null, {Intl: id.Intl}) }"},
		{"what the host has of its globals", "function login() { crypto.subtle.digest; Buffer.concat([]); process.env.X; AbortSignal.any([]); JSON.stringify(1); URL.canParse('x') }"},
		{"a cache in global", "function login() { global.cache = global.cache || new Map(); return global.cache.size }"},
		{"the modules of the host", "const crypto = require('crypto'), { promisify } = require('util')\nfunction login() { crypto.createHmac; require('node:buffer').Buffer; require('url').URL }"},
		{"a require of its own", "function login() { const require = (x) => x; require('axios') }"},
		{"a function used inside its block", "function login() { if (true) { function inner() {} inner() } }"},
		{"a property escape without its flag", `function login(id) { return /\p{L}/.test(id) }`},
		{"a settings name that nobody knows yet", "function login() { return configuration.AUTHSIGNAL_SECRET }"},
		{"a text with a map beside it, which is not read", "function login() {}\n//# sourceMappingURL=/etc/passwd"},
	}
	host := newHost(t, scripthost.Options{})
	host.Login(t.Context(), compile(t, host, "function login(id, pw, callback) { global.Blob = {}; callback() }"), scripthost.Login{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := host.Compile(c.source); err != nil {
				t.Error(err)
			}
		})
	}
}
