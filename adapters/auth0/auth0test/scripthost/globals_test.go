package scripthost_test

import (
	"testing"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// The values are those of Node 22.
func TestGlobals(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	for _, c := range globals {
		t.Run(c.expression, func(t *testing.T) {
			t.Parallel()
			got := host.Login(t.Context(), compile(t, host, fetching("return "+c.expression)), scripthost.Login{})
			if got.Kind != scripthost.Profile || got.UserID != c.want {
				t.Errorf("%s %q %q, want %q", got.Kind, got.UserID, got.Message, c.want)
			}
		})
	}
}

var globals = []struct{ expression, want string }{
	{`Buffer.from('héllo').toString('base64')`, "aMOpbGxv"},
	{`Buffer.from('aGk_-w', 'base64url').toString('hex')`, "68693ffb"},
	{`Buffer.from('aGk/+w==', 'base64').toString('base64url')`, "aGk_-w"},
	{`Buffer.from('ff00zz', 'hex').length`, "2"},
	{`Buffer.from('ÿé', 'latin1').toString('hex')`, "ffe9"},
	{`Buffer.from('añ', 'utf16le').toString('hex')`, "6100f100"},
	{`Buffer.from([104, 105]).toString() + Buffer.from(new Uint8Array([33])).toString()`, "hi!"},
	{`Buffer.concat([Buffer.from('a'), Buffer.from('b')]).equals(Buffer.from('ab'))`, "true"},
	{`JSON.stringify(Buffer.from('a')) + Buffer.byteLength('é') + Buffer.isBuffer(Buffer.alloc(1)) + (Buffer.alloc(1) instanceof Uint8Array)`, `{"type":"Buffer","data":[97]}2truetrue`},
	{`Buffer.from('hello').slice(1, 3).toString() + Buffer.from('hello').indexOf('l')`, "el2"},
	{`Buffer.from('secret:').toString('base64') === btoa('secret:')`, "true"},
	{`atob('aGk=') + atob('aGk')`, "hihi"},
	{`(() => { try { return atob('a') } catch (e) { return e.name + e.code + (e instanceof Error) } })()`, "InvalidCharacterError5true"},
	{`new TextEncoder().encode('é').join() + new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 104, 105]))`, "195,169hi"},
	{`(() => { try { return new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255])) } catch (e) { return e.name } })()`, "TypeError"},
	{`require('crypto').createHash('sha256').update('a').update('b').digest('base64')`, "+44g/C5MPySMYMOb1lLzwTRymLuXe4tNWQO4UFViBgM="},
	{`require('crypto').createHash('md5').update('abc').digest('hex')`, "900150983cd24fb0d6963f7d28e17f72"},
	{`require('crypto').createHmac('sha512', 'key').update('data').digest('hex').slice(0, 16)`, "3c5953a18f7303ec"},
	{`require('crypto').timingSafeEqual(Buffer.from('ab'), Buffer.from('ab')) + '' + require('crypto').timingSafeEqual(Buffer.from('ab'), Buffer.from('ac'))`, "truefalse"},
	{`(() => { try { return require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('ab')) } catch (e) { return e.name + e.code } })()`, "RangeErrorERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH"},
	{`/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()) && crypto.randomUUID() !== crypto.randomUUID()`, "true"},
	{`require('crypto').randomBytes(5).length + crypto.getRandomValues(new Uint8Array(3)).length`, "8"},
	{`crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')).then((d) => Buffer.from(d).toString('hex').slice(0, 8))`, "ba7816bf"},
	{`(async () => { const k = await crypto.subtle.importKey('raw', Buffer.from('k'), {name: 'HMAC', hash: 'SHA-256'}, false, ['sign', 'verify']); const s = await crypto.subtle.sign('HMAC', k, Buffer.from('d')); return await crypto.subtle.verify('HMAC', k, s, Buffer.from('d')) + '' + await crypto.subtle.verify('HMAC', k, s, Buffer.from('e')) })()`, "truefalse"},
	{`JSON.stringify(structuredClone({a: [1, {b: new Date(0)}], c: new Map([[1, 2]]).size}))`, `{"a":[1,{"b":"1970-01-01T00:00:00.000Z"}],"c":1}`},
	{`(() => { const a = {n: 1}; a.a = a; const c = structuredClone(a); return c !== a && c.a === c })()`, "true"},
	{`new DOMException('m', 'AbortError').code + ' ' + String(new DOMException('m', 'TimeoutError'))`, "20 TimeoutError: m"},
	{`(async () => { const order = []; setTimeout(() => order.push('timeout'), 0); setImmediate(() => order.push('immediate')); Promise.resolve().then(() => order.push('promise')); process.nextTick(() => order.push('tick')); order.push('sync'); await new Promise((r) => setTimeout(r, 20)); return order.filter((o) => o !== 'immediate').sort().length + order[0] })()`, "4sync"},
	{`new Promise((r) => setTimeout((...a) => r(a.join()), 1, 1, 2))`, "1,2"},
	{`(() => { const t = setTimeout(() => {}, 1); const r = t.hasRef() + '' + t.unref().hasRef(); clearTimeout(t); return r })()`, "truefalse"},
	{`typeof setTimeout(() => {}, 0)`, "object"},
	{`require('util').promisify((x, cb) => cb(null, x + 1))(1)`, "2"},
	{`[typeof process.env.PATH_THAT_IS_NOT_SET, process.platform, typeof performance.now()]`, "undefined,linux,number"},
	{`Promise.all([1, 2].map(async (x) => x * 2)).then(String)`, "2,4"},
	{`(() => { class A { #x = 1; static #n = 2; get() { return this.#x + A.#n } } return new A().get() })()`, "3"},
	{`'2026-01-31'.match(/(?<y>\d+)-(?<m>\d+)/).groups.m + 'aXbX'.replaceAll('X', '-') + 'a1'.replace(/(?<d>\d)/, '<$<d>>')`, "01a-b-a<1>"},
	{`['a1b2'.split(/\d/).join(), 'abc'.search(/c/), 'aab'.match(/a/g).length, [...'a1b2'.matchAll(/\d/g)].length].join(';')`, "a,b,;2;2;2"},
	{`[(() => { try { null.x } catch (e) { return e.name } })(), (() => { try { JSON.parse('<') } catch (e) { return e.name } })(), new Error('m', {cause: 1}).cause]`, "TypeError,SyntaxError,1"},
}
