package httpapi

import (
	"crypto/sha256"
	_ "embed" // for the description
	"fmt"
	"net/http"
)

// description is docs/openapi.yaml, which go:embed cannot reach from here.
//
//go:generate cp ../../docs/openapi.yaml openapi.yaml
//go:embed openapi.yaml
var description []byte

// openAPI answers GET /openapi.yaml with the description of what the bridge answers
// (OpenAPI 3.1). Its media type is that of RFC 9512.
func (s *Server) openAPI() http.HandlerFunc {
	etag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(description)))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Del("Pragma")
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(description)
	}
}
