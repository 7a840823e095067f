package metrics

import "runtime/debug"

// Build adds what tells which build of the bridge this is: the version, and what the Go
// tool knows of the module and its commit. An empty version is the module's.
func (m *Metrics) Build(version string) {
	commit, goVersion := "unknown", "unknown"
	if info, known := debug.ReadBuildInfo(); known {
		goVersion = info.GoVersion
		if version == "" {
			version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = setting.Value
			}
		}
	}
	m.Gauge("build_info", "Which build this is; always 1.", Labels{"version": version, "commit": commit, "go_version": goVersion}, func() float64 { return 1 })
}
