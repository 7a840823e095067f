package main

import (
	"cmp"
	"crypto/fips140"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"nativebridge/adapters/auth0"
)

// unknown stands for what the build does not tell.
const unknown = "unknown"

// build is what version tells. The members of its JSON stay; new ones may be added.
type build struct {
	Version     string      `json:"version"`  // of the release, or Go's pseudo-version of the commit
	Commit      string      `json:"commit"`   // whole, in hexadecimal
	Date        string      `json:"date"`     // of the commit, RFC 3339: the time of the build would make each build another
	Modified    bool        `json:"modified"` // whether it holds changes that are not in the commit
	Go          string      `json:"go"`
	Platform    string      `json:"platform"` // as GOOS/GOARCH
	FIPS        fips        `json:"fips140"`
	LoginScript loginScript `json:"login_script"`
}

// fips is what the process says of FIPS 140-3 (go.dev/doc/security/fips140).
type fips struct {
	Module   string `json:"module"`   // version of the Go Cryptographic Module that is linked; "latest" is not a validated one
	Enabled  bool   `json:"enabled"`  // the module tests itself, and TLS offers only what is approved
	Enforced bool   `json:"enforced"` // what is not approved fails
}

// loginScript is the Login script for Auth0 that goes with this build.
type loginScript struct {
	Version string `json:"version"` // auth0.LoginScriptVersion
	SHA256  string `json:"sha256"`
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Says which build this is",
		Long: `Says which build this is: version, commit and date of the commit, Go, FIPS 140-3,
and the Login script for Auth0 that goes with it. It reads no configuration.

The hash is that of adapters/auth0/login.js: 'native-bridge doctor' says whether
the script at Auth0 is the same.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			return thisBuild(info).write(cmd.OutOrStdout(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON document")
	return cmd
}

// thisBuild reads what the Go tool wrote into the binary; nil if there is nothing.
func thisBuild(info *debug.BuildInfo) build {
	b := build{
		Version: unknown, Commit: unknown, Date: unknown,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		FIPS:        fips{Module: fips140.Version(), Enabled: fips140.Enabled(), Enforced: fips140.Enforced()},
		LoginScript: loginScript{Version: auth0.LoginScriptVersion, SHA256: hexSHA256(auth0.LoginScript)},
	}
	if info == nil {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, unknown)
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Commit = setting.Value
		case "vcs.time":
			b.Date = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

func hexSHA256(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func (b build) write(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(b)
	}
	_, err := fmt.Fprintf(out, `native-bridge %s
commit        %s%s
date          %s
go            %s %s
fips 140-3    %s
login script  %s, sha256 %s
`, b.Version, b.Commit, modified(b.Modified), b.Date, b.Go, b.Platform, b.FIPS, b.LoginScript.Version, b.LoginScript.SHA256)
	return err
}

func modified(changed bool) string {
	if changed {
		return ", and changes that are not in it"
	}
	return ""
}

func (f fips) String() string {
	switch {
	case f.Enforced:
		return "enforced, module " + f.Module
	case f.Enabled:
		return "on, module " + f.Module
	}
	return "off"
}
