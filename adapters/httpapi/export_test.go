package httpapi

import "net/http"

// HTTPServer is httpServer, for the tests.
func (s *Server) HTTPServer() *http.Server { return s.httpServer() }
