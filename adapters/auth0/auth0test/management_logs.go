package auth0test

import (
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// maxLogs is how many entries of the tenant's log are kept.
const maxLogs = 1000

func logOperations() []operation {
	read := []string{"read:logs", "read:logs_users"}
	return []operation{
		{"GET", "/logs", read, listLogs},
		{"GET", "/logs/{id}", read, getLog},
	}
}

// grantLogs are the codes of a success and a failure of each grant (Auth0 docs: Log
// Event Type Codes).
var grantLogs = map[string]struct{ success, failure string }{
	GrantPassword:          {"sepft", "fepft"},
	GrantPasswordRealm:     {"sepft", "fepft"},
	GrantRefreshToken:      {"sertft", "fertft"},
	GrantTokenExchange:     {"secte", "fecte"},
	GrantClientCredentials: {"seccft", "feccft"},
}

// logGrant writes what became of a request of a known application for tokens. A
// sign-in writes two entries: one of the user, one of the grant.
func (s *Server) logGrant(c *call, client *Client, err error) {
	grant := c.params["grant_type"]
	codes, known := grantLogs[grant]
	if !known {
		return
	}
	password := grant == GrantPassword || grant == GrantPasswordRealm
	refusal, refused := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		if password {
			s.writeLog(c, client, "s", "")
		}
		s.writeLog(c, client, codes.success, "")
	case refused:
		if code := userLog(refusal); password && code != "" {
			s.writeLog(c, client, code, refusal.description)
		}
		s.writeLog(c, client, codes.failure, refusal.description)
	}
}

// userLog is the code of a failure that is the user's, or "".
func userLog(r *refusal) string {
	switch {
	case r.description == textWrongPassword:
		return "fp"
	case r.description == textBruteForce:
		return "limit_wc"
	case r.description == textSuspiciousIP:
		return "limit_mu"
	case r.code == "mfa_required":
		return "mfar"
	case r.code == "unauthorized", r.code == "access_denied":
		return "f"
	}
	return ""
}

func (s *Server) writeLog(c *call, client *Client, code, description string) {
	t := s.tenant
	t.mu.Lock()
	defer t.mu.Unlock()
	id := "90020" + strings.Repeat("0", 3) + newHexID()
	entry := document{
		"_id": id, "log_id": id, "date": timestamp(c.now), "type": code, "client_id": client.ID, "client_name": client.Name,
		"ip": c.seen.ClientIP, "user_agent": c.UserAgent(), "hostname": s.domain, "isMobile": false, "auth0_client": document{},
	}
	if addr, err := netip.ParseAddrPort(c.RemoteAddr); err == nil {
		entry["client_ip"] = addr.Addr().String()
	}
	for name, value := range map[string]string{"description": description, "connection": c.seen.Connection, "user_name": c.params["username"]} {
		if value != "" {
			entry[name] = value
		}
	}
	if conn, ok := t.connectionNamed(c.seen.Connection); ok {
		entry["connection_id"], entry["strategy"], entry["strategy_type"] = conn.str("id"), "auth0", "database"
	}
	if len(t.logs) == maxLogs {
		t.logs = slices.Delete(t.logs, 0, 1)
	}
	t.logs = append(t.logs, entry)
}

// listLogs answers newest first, unless sort is date:1.
func listLogs(m *managed) (answer, error) {
	matches, err := readLogQuery(m.URL.Query().Get("q"))
	if err != nil {
		return answer{}, err
	}
	found := documents{}
	for _, entry := range m.tenant.logs {
		if matches(entry) {
			found = append(found, entry)
		}
	}
	if m.URL.Query().Get("sort") != "date:1" {
		slices.Reverse(found)
	}
	return m.page("logs", found, false)
}

func getLog(m *managed) (answer, error) {
	entry, ok := m.tenant.logs.find("log_id", m.param("id"))
	if !ok {
		return answer{}, apiRefusal(http.StatusNotFound, "inexistent_log", "The log event does not exist")
	}
	return jsonAnswer(entry)
}

// logTerm is what is understood of Lucene: field:value, field:"value",
// field:(one OR other) and field:[from TO to].
var logTerm = regexp.MustCompile(`^([a-z_]+):(?:"([^"]*)"|\(([^)]*)\)|\[(\S+) TO (\S+)\]|([^\s"()\[\]]+))$`)

// readLogQuery takes terms with AND between them, and refuses what it does not
// understand, so that nobody takes "nothing found" for an answer.
func readLogQuery(q string) (func(document) bool, error) {
	var terms []func(document) bool
	for part := range strings.SplitSeq(q, " AND ") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		match := logTerm.FindStringSubmatch(part)
		if match == nil {
			return nil, queryError("q", "This emulator does not understand "+part)
		}
		terms = append(terms, readLogTerm(match))
	}
	return func(entry document) bool {
		return !slices.ContainsFunc(terms, func(holds func(document) bool) bool { return !holds(entry) })
	}, nil
}

func readLogTerm(match []string) func(document) bool {
	field, from, to := match[1], match[4], match[5]
	if from != "" {
		return func(entry document) bool {
			value := entry.str(field)
			return (from == "*" || value >= from) && (to == "*" || value <= to)
		}
	}
	wanted := []string{match[2] + match[6]}
	if match[3] != "" {
		wanted = strings.Split(strings.ReplaceAll(match[3], `"`, ""), " OR ")
	}
	return func(entry document) bool { return slices.Contains(wanted, entry.str(field)) }
}
