package upstream

import (
	"net"
	"net/http"
)

// Transport is what the client asks through, for the tests.
func (c *Client) Transport() *http.Transport { return c.http }

// TCP is what the operating system has of a connection that the client has dialled.
func (c *Client) TCP(dialled net.Conn) *net.TCPConn { return dialled.(*conn).Conn.(*net.TCPConn) }
