package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"nativebridge/adapters"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/redis"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const configurationDoc = "../../docs/configuration.md"

// redisACL is what a user of Redis must be allowed; the replicas are tried with it.
const redisACL = "~native-bridge:* resetchannels -@all +eval +evalsha +info +time +hmget +hset +get +set +del"

// TestConfigurationIsDocumented holds docs/configuration.md against the structs
// that the configuration is read into; 'make generate' writes it anew.
func TestConfigurationIsDocumented(t *testing.T) {
	want := documentation()
	if *update {
		if err := os.WriteFile(configurationDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(configurationDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/configuration.md is out of date: run 'make generate'")
	}
}

const tableHead = "| variable | default | set it to |\n|---|---|---|\n"

func documentation() string {
	var text strings.Builder
	text.WriteString(`# Configuration

<!-- Written by 'make generate' from the configuration structs. Do not edit. -->

` + "`native-bridge serve`" + ` is configured by environment variables alone. A secret may also
come from a file: set the variable with ` + "`_FILE`" + ` at its end to the file's path. What is
wrong is listed at start-up, all of it at once, each with its fix, and the exit
status is 2. A variable that is one letter off a name in these tables is warned about, with
or without underscores, and so is every unknown one that begins with ` + "`REPLAY_`" + ` or the
prefix of a verifier or an issuer: it may be misspelt.

A value that may be a credential is never shown, and one that looks like a key, a token or
a password is refused where no secret belongs. A secret has no white space around it and no
byte order mark before it; line breaks at its end do not count. Its file must not be
writable for every user.

`)
	text.WriteString(tableHead)
	when := ""
	for _, s := range adapters.Settings() {
		if s.When != when {
			when = s.When
			fmt.Fprintf(&text, "\n## If %s\n\n%s", when, tableHead)
		}
		value := "none"
		switch {
		case s.Required:
			value = "**required**"
		case s.Default != "":
			value = "`" + s.Default + "`"
		}
		name := "`" + s.Name + "`"
		if s.Secret {
			name += " or `" + s.Name + "_FILE`"
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(s.Help, "|", `\|`))
	}
	fmt.Fprintf(&text, `
An exchange is verified, claimed and then opened at the issuer. `+"`REQUEST_TIMEOUT`"+` must be long
enough for all three, which the start checks: %s for the verifier, %s for Redis if
`+"`REPLAY_STORE`"+` is one, and %s for the issuer, retries included. The Login script and the
Action give all their calls %s, so that their own words still reach the bridge.
`, authsignal.VerifyTimeout, redis.Patience, auth0.IssueTimeout, auth0.LoginScriptTimeout)
	text.WriteString(`
TLS to Authsignal, Auth0 and Redis trusts the system's certificate authorities;
` + "`SSL_CERT_FILE`" + ` names others. ` + "`HTTPS_PROXY`" + ` and ` + "`NO_PROXY`" + ` are honoured, for all but Redis.

## Traces

They are turned on by the standard variables of OpenTelemetry, such as ` + "`OTEL_EXPORTER_OTLP_ENDPOINT`" + `.
[operate/traces.md](operate/traces.md) lists those that count. What is wrong with one of them is warned about,
and never stops the start.

## Redis

Its ` + "`maxmemory-policy`" + ` must be ` + "`noeviction`" + `: the start is refused otherwise. A user of its
own needs to be allowed this and no more:

` + "```text" + `
user bridge on >password ` + redisACL + `
` + "```" + `

In a cluster it needs ` + "`+cluster|slots`" + ` besides, to find the master that holds its keys. With
` + "`+config|get`" + `, the bridge can also check whether data is saved to disk. Tried with Redis 7.0: a
single server, Sentinel, TLS, such a user, and a [cluster](operate.md#what-a-failover-of-redis-costs) of three masters with three
replicas. With Valkey 9.1 the same, but TLS. Certificates for clients are not supported.
`)
	return text.String()
}
