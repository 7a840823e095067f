package scripthost

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/dop251/goja"
)

// cryptoFunctions are what the prelude builds `crypto` from.
func (c *container) cryptoFunctions() map[string]any {
	return map[string]any{
		"digest": c.digest,
		"hmac":   c.hmac,
		"random": c.random,
	}
}

// newHash returns the constructor of a hash by the name the prelude uses, or nil. The weak ones are there because
// Node has them; what a script does with them is its own affair.
func newHash(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

// digest returns null for a hash it does not know.
func (c *container) digest(name string, data goja.Value) goja.Value {
	constructor := newHash(name)
	if constructor == nil {
		return goja.Null()
	}
	digest := constructor()
	digest.Write(bytesOf(data))
	return c.bytes(digest.Sum(nil))
}

// hmac returns null for a hash it does not know.
func (c *container) hmac(name string, key, data goja.Value) goja.Value {
	constructor := newHash(name)
	if constructor == nil {
		return goja.Null()
	}
	mac := hmac.New(constructor, bytesOf(key))
	mac.Write(bytesOf(data))
	return c.bytes(mac.Sum(nil))
}

// random returns so many random bytes; 65 536 at most, the bound of Web Crypto.
func (c *container) random(count int) goja.Value {
	data := make([]byte, min(max(count, 0), 1<<16))
	_, _ = rand.Read(data) // never fails
	return c.bytes(data)
}
