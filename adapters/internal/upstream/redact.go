package upstream

import (
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nativebridge/domain"
)

// piece is how many characters of a secret in a row must not be shown.
const piece = 8

// escapes are the ways to write one character as several: in a URL, in JSON, in
// HTML.
var escapes = regexp.MustCompile(`%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[^u]|&#?[0-9A-Za-z]{1,8};`)

// tokens look like a JWT, whoever's: base64url of an object, and parts behind it.
var tokens = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}={0,2}(\.[A-Za-z0-9_-]*={0,2}){0,4}`)

// maxLayers is how many escapes on top of each other are taken away.
const maxLayers = 4

// redact returns text without the secrets, without pieces of them, and without
// what looks like a token: as they are, in base64 or base64url, on their own or
// within something longer, under up to four layers of escapes and with as many
// inside the base64, as Basic credentials have them (RFC 6749, section 2.3.1).
func redact(text string, secrets []domain.Secret) string {
	r := redaction{pieces: map[string]bool{}, hidden: make([]bool, len(text))}
	for _, secret := range secrets {
		r.learn(secret.Reveal())
	}
	for _, v := range plain(text).layers() {
		r.look(v)
		for offset := range 4 {
			for _, v := range v.unbase64(offset).layers() {
				r.look(v)
			}
		}
	}
	return r.of(text)
}

// redaction is what is hidden of a text.
type redaction struct {
	pieces map[string]bool // what must not be shown; each has one of the sizes
	sizes  []int
	hidden []bool // for each byte of the text
}

// learn adds a secret's pieces, or all of it if it is shorter than one.
func (r *redaction) learn(secret string) {
	size := min(piece, len(secret))
	if size == 0 {
		return
	}
	for i := range len(secret) - size + 1 {
		r.pieces[secret[i:i+size]] = true
	}
	if !slices.Contains(r.sizes, size) {
		r.sizes = append(r.sizes, size)
	}
}

// look hides what v shows of the secrets, and of tokens.
func (r *redaction) look(v view) {
	for _, found := range tokens.FindAllStringIndex(v.text, -1) {
		r.hide(v, found[0], found[1])
	}
	for _, size := range r.sizes {
		for i := 0; i+size <= len(v.text); i++ {
			if r.pieces[v.text[i:i+size]] {
				r.hide(v, i, i+size)
			}
		}
	}
}

func (r *redaction) hide(v view, from, to int) {
	for i := v.from[from]; i < v.to[to-1]; i++ {
		r.hidden[i] = true
	}
}

func (r *redaction) of(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !r.hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !r.hidden[i-1]:
			b.WriteString(domain.Secret{}.String())
		}
	}
	return b.String()
}

// view is a text as it reads once it is decoded. Byte i of it is written in bytes
// from[i] to to[i] of the original.
type view struct {
	text     string
	from, to []int
}

func plain(text string) view {
	v := view{text: text}
	for i := range len(text) {
		v.from, v.to = append(v.from, i), append(v.to, i+1)
	}
	return v
}

// layers returns v, v with one layer of escapes taken away, with two, and so on.
func (v view) layers() []view {
	list := []view{v}
	for range maxLayers {
		next := v.unescaped()
		if next.text == v.text {
			break
		}
		list, v = append(list, next), next
	}
	return list
}

// unescaped returns v with one layer of escapes taken away.
func (v view) unescaped() view {
	var next view
	var text strings.Builder
	add := func(decoded string, from, to int) {
		text.WriteString(decoded)
		for range len(decoded) {
			next.from, next.to = append(next.from, v.from[from]), append(next.to, v.to[to-1])
		}
	}
	at := 0
	for _, found := range escapes.FindAllStringIndex(v.text, -1) {
		for ; at < found[0]; at++ {
			add(v.text[at:at+1], at, at+1)
		}
		add(unescape(v.text[found[0]:found[1]]), found[0], found[1])
		at = found[1]
	}
	for ; at < len(v.text); at++ {
		add(v.text[at:at+1], at, at+1)
	}
	next.text = text.String()
	return next
}

func unescape(escape string) string {
	switch {
	case escape[0] == '%':
		code, _ := strconv.ParseUint(escape[1:], 16, 8)
		return string([]byte{byte(code)})
	case escape[0] == '&':
		return html.UnescapeString(escape)
	case escape[1] == 'u':
		code, _ := strconv.ParseUint(escape[2:], 16, 16)
		return string(rune(code))
	}
	return escape[1:]
}

// unbase64 returns what v's runs of base64 or base64url decode to, each read from
// offset on. It puts a byte that no secret has between two runs.
func (v view) unbase64(offset int) view {
	var out view
	var text strings.Builder
	var value, bits int // what the digits are, and how many bits at its end are not told yet
	skip := offset
	for i := range len(v.text) {
		digit := strings.IndexByte(base64Digits, v.text[i])
		if digit >= 64 {
			digit -= 2 // base64url's
		}
		switch {
		case digit < 0:
			bits, skip = 0, offset
			text.WriteByte(0)
			out.from, out.to = append(out.from, v.from[i]), append(out.to, v.from[i])
			continue
		case skip > 0:
			skip--
			continue
		}
		value, bits = value<<6|digit, bits+6
		if bits < 8 {
			continue
		}
		bits -= 8
		text.WriteByte(byte(value >> bits & 0xff))
		out.from, out.to = append(out.from, v.from[i-1]), append(out.to, v.to[i])
	}
	out.text = text.String()
	return out
}

// base64Digits are those of base64 and, behind them, the two that base64url has
// in place of the last two (RFC 4648, sections 4 and 5).
const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
