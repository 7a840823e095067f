package scripthost_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// The refusal names what the host lacks. A script cannot catch the refusal and take it for a no.
func TestWhatTheHostLacksEndsTheRun(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	for expression, missing := range map[string]string{
		// Globals of Node.
		`new Intl.DateTimeFormat('de')`: "Intl",
		`typeof WebSocket`:              "WebSocket",
		`({Blob})`:                      "Blob",
		`globalThis.FormData`:           "FormData",

		// Modules.
		`require('axios@0.22.0')`:  `the module "axios@0.22.0"`,
		`require('ax' + 'ios')`:    `the module "axios"`,
		`require('node:https')`:    `the module "node:https"`,
		`require('node:crypto')`:   `the module "node:crypto"`,
		`require('greeter@1.2.3')`: `the module "greeter@1.2.3"`,
		`require('/etc/passwd')`:   `the module "/etc/passwd"`,

		`new URL('https://example.com')`: "URL",
		`new URLSearchParams()`:          "URLSearchParams",
		`new Headers()`:                  "Headers",
		`new Request('https://x')`:       "Request",
		`new EventTarget()`:              "EventTarget",

		`structuredClone({})`:        "structuredClone",
		`console.log('x')`:           "console",
		`process.env.X`:              "process",
		`new TextEncoder()`:          "TextEncoder",
		`btoa('x')`:                  "btoa",
		`global.cache`:               "global",
		`crypto.subtle.digest('x')`:  "crypto",
		`setImmediate(String)`:       "setImmediate",
		`setInterval(String)`:        "setInterval",
		`setTimeout(String).unref()`: "Timeout.unref",
		`clearTimeout(1)`:            "clearTimeout of what is no Timeout",

		// What Buffer and crypto lack.
		`Buffer('x')`:                              "Buffer as a function",
		`Buffer.alloc(1)`:                          "Buffer.alloc",
		`Buffer.from([1])`:                         "Buffer.from of what is no text",
		`Buffer.from('x', 'utf16le')`:              "Buffer.from with the encoding utf16le",
		`Buffer.from('zz', 'hex')`:                 "Buffer.from of what is not hex throughout",
		`Buffer.from('a+b/', 'base64url')`:         "Buffer.from of what is not base64url throughout",
		`Buffer.from('x').toString('latin1')`:      "the encoding latin1 of bytes",
		`Buffer.from('x')[0]`:                      "Buffer.prototype.0",
		`JSON.stringify(Buffer.from('x'))`:         "Buffer.prototype.toJSON",
		`require('crypto').createHash('sha256')`:   "crypto.createHash",
		`require('crypto').createHmac('md5', 'k')`: "crypto.createHmac with md5",
		`require('crypto').createHmac('sha256', 'k').update('a').update('b')`:                    "Hmac.update",
		`require('crypto').createHmac('sha256', new Uint8Array(1)).update('a').digest('base64')`: "crypto with what is neither text nor a Buffer",
		`require('crypto').timingSafeEqual('a', 'a')`:                                            "crypto.timingSafeEqual of what is no Buffer",

		// What fetch lacks, or cannot do as Node does.
		`AbortSignal.timeout(1)`: "AbortSignal",
		`new AbortController().signal.addEventListener('abort', String)`: "AbortSignal.addEventListener",
		`new AbortController().signal.reason`:                            "AbortSignal.reason",
		`new AbortController().abort('why')`:                             "AbortController.abort with a reason",
		`fetch('https://example.com/a b')`:                               "fetch of a URL that Node would change",
		`fetch('https://example.com/a/../b')`:                            "fetch of a URL that Node would change",
		`fetch('https://example.com/a/%2E%2e')`:                          "fetch of a URL that Node would change",
		`fetch('https://bücher.example/')`:                               "fetch of a URL that Node would change",
		`fetch('https://jane@example.com/')`:                             "fetch of a URL that Node would change",
		`fetch('/relative')`:                                             "fetch of a URL that Node would change",
		`fetch('https://example.com', {method: 'PUT'})`:                  "fetch with the method PUT",
		`fetch('https://example.com', {body: 'x'})`:                      "fetch with GET and a body",
		`fetch('https://example.com', {method: 'POST', body: {}})`:       "fetch with a body that is no text",
		`fetch('https://example.com', {redirect: 'error'})`:              "fetch with the redirect mode error",
		`fetch('https://example.com', {signal: {}})`:                     "fetch with a signal of no AbortController",
		`fetch('https://example.com', {keepalive: true})`:                "fetch with the option keepalive",

		// What the engine lacks, or does differently from Node.
		`Array.fromAsync([])`:                    "Array.fromAsync",
		`'x'.isWellFormed()`:                     "String.prototype.isWellFormed",
		`/(a)/.test('a') && RegExp.$1`:           "RegExp.$1",
		`new Date().toLocaleDateString('de-DE')`: "Date.prototype.toLocaleDateString",
		`(1).toLocaleString('en-US')`:            "Number.prototype.toLocaleString",
		`Uint8Array.from('ab', (c) => c.length)`: "Uint8Array.from",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			caught := `try { await (` + expression + `) } catch {}`
			want := missing + " is not in this host"
			script := compile(t, host, `async function login(id, pw, callback) { `+caught+`; callback(new WrongUsernameOrPasswordError(id)) }`)
			if got := host.Login(t.Context(), script, scripthost.Login{Identifier: "jane"}); got.Kind != scripthost.Unsupported || !strings.HasPrefix(got.Message, want) {
				t.Errorf("the Login script ended as %s %q, want %s %q", got.Kind, got.Message, scripthost.Unsupported, want)
			}
			action := compileAction(t, host, handler(caught+`; api.access.rejectInvalidSubjectToken('no')`))
			if got := host.Exchange(t.Context(), action, nil); got.Kind != scripthost.Unsupported || !strings.HasPrefix(got.Message, want) {
				t.Errorf("the Action ended as %s %q, want %s %q", got.Kind, got.Message, scripthost.Unsupported, want)
			}
		})
	}
}

func TestARefusalIsLogged(t *testing.T) {
	t.Parallel()
	var log lines
	host := newHost(t, scripthost.Options{Log: log.add})
	host.Login(t.Context(), compile(t, host, `function login() { new Intl.Collator() }`), scripthost.Login{})
	if !log.contain("warning: ", "Intl is not in this host") {
		t.Errorf("log = %q, want a warning of Intl", log.all)
	}
}
