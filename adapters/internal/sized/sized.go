// Package sized reads bodies whose size is known as a rule, into memory that is asked for
// once.
package sized

import (
	"errors"
	"io"
	"slices"
)

// unknown is how many bytes are asked for if the size is not known, or is told to be larger.
const unknown = 8 << 10

// Read returns all of r, but no more than most bytes. Length is how many the sender says
// there are, or negative; it is only believed up to some size, and never trusted. The error
// is one of r's; then the bytes before it are returned, too.
func Read(r io.Reader, length int64, most int) ([]byte, error) {
	if length < 0 || length > unknown {
		length = unknown
	}
	body := make([]byte, 0, length+1) // one more, to see the end
	for len(body) < most {
		body = slices.Grow(body, 1)
		n, err := r.Read(body[len(body):min(cap(body), most)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return body, err
		}
	}
	return body, nil
}
