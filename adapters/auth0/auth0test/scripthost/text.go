package scripthost

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf16"

	"github.com/dop251/goja"
)

// textFunctions are what the prelude builds Buffer, TextEncoder, TextDecoder, atob and btoa from.
func (c *container) textFunctions() map[string]any {
	return map[string]any{
		"encode": c.encode,
		"decode": decode,
	}
}

// encode turns a string into bytes, as Buffer.from(text, encoding) does: what is not of the encoding's alphabet ends
// the text (hex) or is skipped (base64).
func (c *container) encode(value goja.Value, encoding string) goja.Value {
	text := value.ToString().(goja.String)
	switch encoding {
	case "utf8":
		return c.bytes([]byte(text.String())) // lone surrogates become U+FFFD
	case "latin1":
		units := codeUnits(text)
		encoded := make([]byte, len(units))
		for i, unit := range units {
			encoded[i] = byte(unit)
		}
		return c.bytes(encoded)
	case "utf16le":
		var encoded []byte
		for _, unit := range codeUnits(text) {
			encoded = binary.LittleEndian.AppendUint16(encoded, unit)
		}
		return c.bytes(encoded)
	case "hex":
		digits := text.String()
		decoded := make([]byte, len(digits)/2)
		n, _ := hex.Decode(decoded, []byte(digits[:len(digits)/2*2])) // up to the first fault
		return c.bytes(decoded[:n])
	default: // base64 and base64url, which Node does not tell apart here
		return c.bytes(decodeBase64(text.String()))
	}
}

// decode turns bytes into a string, as buffer.toString(encoding) does.
func decode(value goja.Value, encoding string) goja.String {
	data := bytesOf(value)
	switch encoding {
	case "utf8":
		return goja.StringFromUTF16(utf16.Encode([]rune(string(data)))) // invalid bytes become U+FFFD
	case "latin1":
		units := make([]uint16, len(data))
		for i, b := range data {
			units[i] = uint16(b)
		}
		return goja.StringFromUTF16(units)
	case "utf16le":
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(data[2*i:])
		}
		return goja.StringFromUTF16(units)
	case "hex":
		return ascii(hex.EncodeToString(data))
	case "base64url":
		return ascii(base64.RawURLEncoding.EncodeToString(data))
	default:
		return ascii(base64.StdEncoding.EncodeToString(data))
	}
}

func decodeBase64(text string) []byte {
	var digits strings.Builder
	for _, char := range text {
		if char == '=' {
			break
		}
		switch char {
		case '-':
			char = '+'
		case '_':
			char = '/'
		}
		if char == '+' || char == '/' || '0' <= char && char <= '9' || 'A' <= char && char <= 'Z' || 'a' <= char && char <= 'z' {
			digits.WriteRune(char)
		}
	}
	clean := digits.String()
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1] // six bits are no byte
	}
	decoded, _ := base64.RawStdEncoding.DecodeString(clean)
	return decoded
}

func codeUnits(text goja.String) []uint16 {
	units := make([]uint16, text.Length())
	for i := range units {
		units[i] = text.CharAt(i)
	}
	return units
}

func ascii(text string) goja.String {
	units := make([]uint16, len(text))
	for i := range len(text) {
		units[i] = uint16(text[i])
	}
	return goja.StringFromUTF16(units)
}

// bytesOf returns the content of an ArrayBuffer, nil for anything else.
func bytesOf(value goja.Value) []byte {
	if value == nil {
		return nil
	}
	if buffer, ok := value.Export().(goja.ArrayBuffer); ok {
		return buffer.Bytes()
	}
	return nil
}

// bytes makes an ArrayBuffer.
func (c *container) bytes(data []byte) goja.Value { return c.vm.ToValue(c.vm.NewArrayBuffer(data)) }

// textOf decodes UTF-8. What is not valid becomes U+FFFD.
func textOf(data []byte) string { return string([]rune(string(data))) }
