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
		{"no function of the name", "function signIn(id, pw, callback) { callback() }", []string{"no login function"}},
		{"a syntax error", "function login() {\n  if (\n}", []string{"line 3"}},
		{"a Unicode property escape, which would never match", "function login(id) {\n return /^\\p{L}+$/u.test(id) }", []string{"line 2", `\p{…}`}},
		{"one in a text", `function login(id) { return new RegExp('\\P{L}', 'u').test(id) }`, []string{"line 1", `\p{…}`}},
		{"flags the engine lacks", `function login(id) { return /a/d.exec(id) }`, []string{"flags"}},
		{"for await", "async function login() {\n  for await (const x of []) {}\n}", []string{"line 2", "await"}},
		{"an async generator", "async function* all() {}\nfunction login() {}", []string{"Async generators"}},
		{"an import", "async function login() {\n  const c = await import('crypto')\n}", []string{"line 2", "reserved word"}},
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

// The disk is not read for a map beside the text.
func TestCompileFollowsNoSourceMap(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	compile(t, host, "function login() {}\n//# sourceMappingURL=/there/is/no/such/file")
}
