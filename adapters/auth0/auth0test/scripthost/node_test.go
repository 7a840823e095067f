package scripthost_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// What the host has behaves as in Node.
var sameAsInNode = []string{
	`Buffer.from('héllo').toString('base64')`,
	`Buffer.from('héllo').length`,
	`Buffer.from('aGk_-w', 'base64url').toString('base64')`,
	`Buffer.from('FF68693ffb', 'hex').toString('base64url')`,
	`Buffer.from('half a pair: \ud800').toString()`,
	`Buffer.from('gGGA_w', 'base64url').toString()`, // not UTF-8
	`Buffer.from('\ufeffmark').toString().length`,
	`typeof Buffer + typeof fetch + typeof AbortController + typeof setTimeout(() => {}, 0)`,
	`require('crypto').createHmac('sha256', 'key').update('däta').digest('base64url')`,
	`require('crypto').createHmac('sha256', Buffer.from('00ff', 'hex')).update(Buffer.from('data')).digest('base64')`,
	`require('crypto').timingSafeEqual(Buffer.from('ab'), Buffer.from('ab'))`,
	`require('crypto').timingSafeEqual(Buffer.from('ab'), Buffer.from('ac'))`,
	`(() => { try { require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('ab')) } catch (e) { return String(e) } })()`,
	`(() => { const c = new AbortController(), before = c.signal.aborted; c.abort(); c.abort(); return [before, c.signal.aborted] })()`,
	`new Promise((resolve) => setTimeout((...args) => resolve(args), 1, 1, 2))`,
	`new Promise((resolve) => { const seen = []; const t = setTimeout(() => seen.push('cleared'), 1); clearTimeout(t); clearTimeout(t); clearTimeout(undefined); setTimeout(() => seen.push('later'), 60); setTimeout(() => seen.push('sooner'), -5); setTimeout(() => resolve(seen), 120) })`,
	`new Promise((resolve) => { const order = []; setTimeout(() => resolve(order), 1); Promise.resolve().then(() => order.push('promise')); order.push('at once') })`,
	`(() => { class A { #x = 1; static #n = 2; get() { return this.#x + A.#n } } return new A().get() })()`,
	`'2026-01-31'.match(/(?<y>\d+)-(?<m>\d+)/).groups.m + 'aXbX'.replaceAll('X', '-') + 'a1'.replace(/(?<d>\d)/, '<$<d>>')`,
	`['a1b2'.split(/\d/), 'abc'.search(/c/), 'aab'.match(/a/g).length, [...'a1b2'.matchAll(/\d/g)].length]`,
	`['a\ud800', 'a\ufffd', 'a\ud83d\ude00', 'ä'].map((text) => /[\uD800-\uDFFF\uFFFD]/u.test(text))`,
	`[(() => { try { null.x } catch (e) { return e.name } })(), (() => { try { JSON.parse('<') } catch (e) { return e.name } })(), new Error('m', {cause: 1}).cause]`,
}

func TestWhatTheHostHasIsAsInNode(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	var values []string
	inNode(t, "testdata/values_node.mjs", sameAsInNode, &values)
	for i, expression := range sameAsInNode {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			got := host.Login(t.Context(), compile(t, host, fetching("return "+expression)), scripthost.Login{})
			if got.Kind != scripthost.Profile || got.UserID != values[i] {
				t.Errorf("%s %q %q, want %q as in Node", got.Kind, got.UserID, got.Message, values[i])
			}
		})
	}
}

// The list comes from Node itself, so that nothing can be missing unnoticed.
func TestEverythingOfNodeIsThereOrRefused(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	var listed json.RawMessage
	inNode(t, "testdata/globals_node.mjs", nil, &listed)
	if !bytes.Contains(listed, []byte(`"Array.prototype[\"map\"]"`)) {
		t.Fatalf("Node lists no Array.prototype.map among %d bytes", len(listed))
	}
	script := compile(t, host, `function login(id, listed, callback) { callback(null, {user_id: JSON.stringify(JSON.parse(listed).filter(isAbsent).map((x) => x.expression))}) }
		function isAbsent({of, name}) {
			const [global, prototype] = of.split('.');
			if (Object.getOwnPropertyDescriptor(globalThis, global)?.get) return false; // refused, with all its members
			const object = globalThis[global];
			return prototype ? !('prototype' in object && name in object.prototype) : !(name in object);
		}`)
	got := host.Login(t.Context(), script, scripthost.Login{Password: string(listed)})
	var absent []string
	if err := json.Unmarshal([]byte(got.UserID), &absent); err != nil {
		t.Fatalf("ended as %s %q: %v", got.Kind, got.Message, err)
	}
	for _, expression := range absent {
		script := compile(t, host, `function login(id, pw, callback) { callback(`+expression+`) }`)
		if got := host.Login(t.Context(), script, scripthost.Login{}); got.Kind != scripthost.Unsupported {
			t.Errorf("%s is neither there nor refused: ended as %s %q", expression, got.Kind, got.Message)
		}
	}
}

// inNode gives a harness its input as JSON, and reads what it prints.
func inNode(t *testing.T, harness string, input, output any) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("install Node.js 18 or later, Auth0's scripts must be tested in it: %v", err)
	}
	given, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), node, harness)
	command.Stdin = bytes.NewReader(given)
	printed, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	if err := json.Unmarshal(printed, output); err != nil {
		t.Fatal(err)
	}
}
