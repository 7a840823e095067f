package scripthost

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/dop251/goja"
)

// bytesFunctions are what the prelude builds Buffer and the module crypto from. Bytes are ArrayBuffers there.
func (c *container) bytesFunctions() map[string]any {
	return map[string]any{
		"toBytes":    c.toBytes,
		"toText":     c.toText,
		"hmacSHA256": c.hmacSHA256,
		"equal":      hmac.Equal,
	}
}

// toBytes does what Buffer.from(text, encoding) does, for text that uses the encoding's alphabet only.
func (c *container) toBytes(text, encoding string) goja.Value {
	var data []byte
	var err error
	switch encoding {
	case "utf8":
		data = []byte(text) // with U+FFFD for half a surrogate pair
	case "hex":
		data, err = hex.DecodeString(text)
	case "base64url":
		data, err = base64.RawURLEncoding.DecodeString(text)
	default:
		c.refuse("Buffer.from with the encoding " + encoding)
	}
	if err != nil {
		c.refuse("Buffer.from of what is not " + encoding + " throughout")
	}
	return c.bytes(data)
}

// toText does what buffer.toString(encoding) does.
func (c *container) toText(data []byte, encoding string) string {
	switch encoding {
	case "utf8":
		return textOf(data)
	case "base64":
		return base64.StdEncoding.EncodeToString(data)
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(data)
	}
	c.refuse("the encoding " + encoding + " of bytes")
	return ""
}

// textOf decodes UTF-8. What is not valid becomes U+FFFD.
func textOf(data []byte) string { return string([]rune(string(data))) }

func (c *container) hmacSHA256(key, data []byte) goja.Value {
	var sum []byte
	fips140.WithoutEnforcement(func() { // Node takes short keys, too
		mac := hmac.New(sha256.New, key)
		mac.Write(data)
		sum = mac.Sum(nil)
	})
	return c.bytes(sum)
}

// bytes makes an ArrayBuffer.
func (c *container) bytes(data []byte) goja.Value { return c.vm.ToValue(c.vm.NewArrayBuffer(data)) }
