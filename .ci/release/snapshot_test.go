//go:build snapshot

package release_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// snapshot is all of a release of the last commit, but the image and the signatures.
type snapshot struct {
	clone   string            // the folder it was made in
	commit  string            // that it was made of
	version string            // in its files' names
	files   map[string][]byte // what people download
}

// TestASnapshotIsTheSameEachTimeAndHoldsWhatItPromises has goreleaser ($GORELEASER, with syft
// as $SYFT) make a snapshot twice, in two folders. The second one uses what the compiler made
// for the first. What is good is left in bin/dist.
func TestASnapshotIsTheSameEachTimeAndHoldsWhatItPromises(t *testing.T) {
	one, other := snapshotOf(t), snapshotOf(t)
	for name, test := range map[string]func(t *testing.T, s snapshot){
		"the files are those that install.md names":            wantFiles,
		"a second one has the same bytes":                      func(t *testing.T, s snapshot) { wantSame(t, s, other) },
		"checksums.txt has the hash of each other file":        wantChecksums,
		"an archive holds the program and its papers":          wantArchives,
		"a package holds what its user needs, and root's":      wantPackages,
		"a package keeps the settings that somebody wrote":     wantSettingsKept,
		"each program is built from the commit, for its place": wantPrograms,
		"a list of parts has the modules that are linked":      wantLists,
	} {
		t.Run(name, func(t *testing.T) { test(t, one) })
	}
	if !t.Failed() {
		leave(t, one)
	}
}

func snapshotOf(t *testing.T) snapshot {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	output(t, exec.Command("git", "clone", "--quiet", "--shared", top, clone))
	release := exec.Command(os.Getenv("GORELEASER"), "release", "--snapshot", "--clean", "--skip=docker,sign")
	release.Dir = clone
	output(t, release)
	s := snapshot{clone: clone, files: map[string][]byte{}}
	var metadata struct{ Version, Commit string }
	dist := contentsOf(t, filepath.Join(clone, "bin/dist"))
	parse(t, dist["metadata.json"], &metadata)
	s.version, s.commit = metadata.Version, metadata.Commit
	for name, content := range dist {
		switch path.Ext(name) {
		case ".gz", ".deb", ".rpm", ".txt":
			s.files[name] = content
		case ".json":
			if strings.HasSuffix(name, ".spdx.json") {
				s.files[name] = content
			}
		}
	}
	return s
}

// archives are their names, without the ending. There are FIPS builds for Linux only.
func (s snapshot) archives() (names []string) {
	for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
		names = append(names, "native-bridge_"+s.version+"_"+platform)
		if strings.HasPrefix(platform, "linux") {
			names = append(names, "native-bridge-fips_"+s.version+"_"+platform)
		}
	}
	return names
}

func (s snapshot) packages() (names []string) {
	for _, processor := range []string{"amd64", "arm64"} {
		for _, format := range []string{"deb", "rpm"} {
			names = append(names, "native-bridge_"+s.version+"_linux_"+processor+"."+format)
		}
	}
	return names
}

func wantFiles(t *testing.T, s snapshot) {
	want := append([]string{"checksums.txt"}, s.packages()...)
	for _, name := range s.archives() {
		want = append(want, name+".tar.gz", name+".tar.gz.spdx.json")
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(s.files)); !slices.Equal(got, want) {
		t.Errorf("the files are %q, want %q", got, want)
	}
}

func wantSame(t *testing.T, one, other snapshot) {
	for name, content := range one.files {
		if !bytes.Equal(content, other.files[name]) {
			t.Errorf("%s differs", name)
		}
	}
	if len(one.files) != len(other.files) {
		t.Errorf("one has %d files, the other %d", len(one.files), len(other.files))
	}
}

func wantChecksums(t *testing.T, s snapshot) {
	var want []string
	for name, content := range s.files {
		if name != "checksums.txt" {
			want = append(want, fmt.Sprintf("%x  %s", sha256.Sum256(content), name))
		}
	}
	got := strings.Split(strings.TrimSpace(string(s.files["checksums.txt"])), "\n")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("checksums.txt has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// file is what a package or an archive says of a file.
type file struct {
	mode    fs.FileMode
	owner   string
	content []byte
}

// unpacked reads a tar, folders left out.
func unpacked(t *testing.T, archive io.Reader) map[string]file {
	t.Helper()
	files := map[string]file{}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeDir {
			files[path.Clean("/"+header.Name)] = file{header.FileInfo().Mode(), header.Uname + ":" + header.Gname, content}
		}
	}
}

// archive unpacks one, whose files are all in a folder of its name.
func (s snapshot) archive(t *testing.T, name string) map[string]file {
	t.Helper()
	archive, err := gzip.NewReader(bytes.NewReader(s.files[name+".tar.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]file{}
	for place, file := range unpacked(t, archive) {
		files[strings.TrimPrefix(place, "/"+name)] = file
	}
	return files
}

func (s snapshot) unpackedPackage(t *testing.T, name string) map[string]file {
	t.Helper()
	command := exec.Command("dpkg-deb", "--fsys-tarfile", "bin/dist/"+name)
	if strings.HasSuffix(name, ".rpm") {
		command = exec.Command("rpm2archive", "--nocompression")
		command.Stdin = bytes.NewReader(s.files[name])
	}
	command.Dir = s.clone
	return unpacked(t, bytes.NewReader(output(t, command)))
}

// contents maps a place in an archive or a package to the file of the clone that is there,
// for the man pages and for one.
func (s snapshot) contents(t *testing.T, one map[string]string, man string) map[string]string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(s.clone, "bin/release/man/*.1.gz"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("the man pages are %q: %v", pages, err)
	}
	contents := maps.Clone(one)
	for _, page := range pages {
		contents[path.Join(man, filepath.Base(page))] = "bin/release/man/" + filepath.Base(page)
	}
	return contents
}

func wantArchives(t *testing.T, s snapshot) {
	want := s.contents(t, map[string]string{
		"/LICENSE":                        "LICENSE",
		"/THIRD_PARTY_LICENSES.txt":       "THIRD_PARTY_LICENSES.txt",
		"/CHANGELOG.md":                   "CHANGELOG.md",
		"/completions/native-bridge":      "bin/release/completions/native-bridge",
		"/completions/_native-bridge":     "bin/release/completions/_native-bridge",
		"/completions/native-bridge.fish": "bin/release/completions/native-bridge.fish",
		"/systemd/native-bridge.service":  "docs/operate/systemd/native-bridge.service",
	}, "/man")
	for _, name := range s.archives() {
		files := s.archive(t, name)
		if mode := files["/native-bridge"].mode; mode != 0o755 {
			t.Errorf("%s: the program has mode %o", name, mode)
		}
		wantManPagesOf(t, name, files)
		delete(files, "/native-bridge")
		wantContents(t, s, name, files, want)
	}
}

// wantManPagesOf wants the man pages to name the version of the program beside them.
func wantManPagesOf(t *testing.T, name string, files map[string]file) {
	t.Helper()
	page, err := gzip.NewReader(bytes.NewReader(files["/man/native-bridge.1.gz"].content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(page)
	if err != nil {
		t.Fatal(err)
	}
	version := buildOfProgram(t, files["/native-bridge"].content).Main.Version
	if !strings.Contains(string(text), `"native-bridge `+version+`"`) {
		t.Errorf("%s: the man page is not of %s: %.200s", name, version, text)
	}
}

func buildOfProgram(t *testing.T, program []byte) *buildinfo.BuildInfo {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantPackages(t *testing.T, s snapshot) {
	for _, name := range s.packages() {
		zsh := "/usr/share/zsh/site-functions/_native-bridge"
		if strings.HasSuffix(name, ".deb") {
			zsh = "/usr/share/zsh/vendor-completions/_native-bridge"
		}
		want := s.contents(t, map[string]string{
			"/usr/lib/systemd/system/native-bridge.service":           "docs/operate/systemd/native-bridge.service",
			"/etc/native-bridge/env":                                  "docs/operate/systemd/env",
			"/usr/share/bash-completion/completions/native-bridge":    "bin/release/completions/native-bridge",
			"/usr/share/fish/vendor_completions.d/native-bridge.fish": "bin/release/completions/native-bridge.fish",
			"/usr/share/doc/native-bridge/copyright":                  "LICENSE",
			"/usr/share/doc/native-bridge/THIRD_PARTY_LICENSES.txt":   "THIRD_PARTY_LICENSES.txt",
			zsh: "bin/release/completions/_native-bridge",
		}, "/usr/share/man/man1")
		files := s.unpackedPackage(t, name)
		program, inArchive := files["/usr/bin/native-bridge"], s.archive(t, strings.TrimSuffix(name, path.Ext(name)))["/native-bridge"]
		if program.mode != 0o755 || !bytes.Equal(program.content, inArchive.content) {
			t.Errorf("%s: the program has mode %o and is that of the archive: %t", name, program.mode, bytes.Equal(program.content, inArchive.content))
		}
		delete(files, "/usr/bin/native-bridge")
		wantContents(t, s, name, files, want)
	}
}

// wantContents compares what an archive or a package holds with the files of the clone.
// Settings are for root only, everything else is for everybody to read.
func wantContents(t *testing.T, s snapshot, name string, files map[string]file, want map[string]string) {
	t.Helper()
	if got, want := slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", name, got, want)
	}
	for place, source := range want {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(place, "/etc/") {
			mode = 0o600
		}
		content, err := os.ReadFile(filepath.Join(s.clone, source))
		if err != nil {
			t.Fatal(err)
		}
		got := files[place]
		if got.mode != mode || got.owner != "root:root" || !bytes.Equal(got.content, content) {
			t.Errorf("%s: %s has mode %o and is of %s, want %o and root:root, and is %s: %t", name, place, got.mode, got.owner, mode, source, bytes.Equal(got.content, content))
		}
	}
}

// wantSettingsKept asks the packages which files are settings, which an upgrade leaves alone
// when somebody has changed them.
func wantSettingsKept(t *testing.T, s snapshot) {
	for _, name := range s.packages() {
		command, want := exec.Command("dpkg-deb", "--info", "bin/dist/"+name, "conffiles"), "/etc/native-bridge/env\n"
		if strings.HasSuffix(name, ".rpm") {
			command = exec.Command("rpm", "--query", "--package", "--queryformat", "[%{FILEFLAGS:fflags} %{FILENAMES}\n]", "bin/dist/"+name)
			want = "cn /etc/native-bridge/env\n"
		}
		command.Dir = s.clone
		if said := string(output(t, command)); !strings.Contains("\n"+said, "\n"+want) {
			t.Errorf("%s does not say %q but %q", name, want, said)
		}
	}
}

// wantPrograms reads what Go wrote into each program, and runs those that this machine can.
func wantPrograms(t *testing.T, s snapshot) {
	ran := 0
	for _, name := range s.archives() {
		program := s.archive(t, name)["/native-bridge"].content
		settings := map[string]string{}
		for _, setting := range buildOfProgram(t, program).Settings {
			settings[setting.Key] = setting.Value
		}
		isFIPS := strings.HasPrefix(name, "native-bridge-fips_")
		if !strings.HasSuffix(name, settings["GOOS"]+"_"+settings["GOARCH"]) || settings["CGO_ENABLED"] != "0" ||
			settings["vcs.revision"] != s.commit || settings["vcs.modified"] != "false" || strings.HasPrefix(settings["GOFIPS140"], "v1.0.0") != isFIPS {
			t.Errorf("%s of %s is built with %v", name, s.commit, settings)
		}
		if settings["GOOS"] == runtime.GOOS && settings["GOARCH"] == runtime.GOARCH {
			wantVersion(t, s, name, program, isFIPS)
			ran++
		}
	}
	if ran != 2 {
		t.Errorf("%d programs were run, want the usual one and the FIPS one (on Linux)", ran)
	}
}

func wantVersion(t *testing.T, s snapshot, name string, program []byte, isFIPS bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "native-bridge")
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	var said struct {
		Commit   string
		Modified bool
		FIPS     struct {
			Enabled bool
			Module  string
		} `json:"fips140"`
	}
	parse(t, output(t, exec.Command(file, "version", "--json")), &said)
	if said.Commit != s.commit || said.Modified {
		t.Errorf("%s says that it is %s, modified: %t, want %s", name, said.Commit, said.Modified, s.commit)
	}
	if said.FIPS.Enabled != isFIPS || strings.HasPrefix(said.FIPS.Module, "v1.0.0") != isFIPS {
		t.Errorf("%s says of FIPS %+v", name, said.FIPS)
	}
}

var goModule = regexp.MustCompile(`^pkg:golang/([^@]+)@(.+)$`)

// wantLists compares each list of parts with what Go wrote into the program.
func wantLists(t *testing.T, s snapshot) {
	for _, name := range s.archives() {
		info := buildOfProgram(t, s.archive(t, name)["/native-bridge"].content)
		want := []string{"stdlib@" + strings.TrimPrefix(info.GoVersion, "go")}
		for _, module := range info.Deps {
			module = cmp.Or(module.Replace, module)
			want = append(want, module.Path+"@"+module.Version)
		}
		slices.Sort(want)
		if got := modulesOf(t, s.files[name+".tar.gz.spdx.json"]); !slices.Equal(got, want) {
			t.Errorf("the list of %s has\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// modulesOf are the Go modules that an SPDX document lists, but the bridge itself.
func modulesOf(t *testing.T, document []byte) (modules []string) {
	t.Helper()
	var listed struct {
		Packages []struct {
			Name         string
			ExternalRefs []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			}
		}
	}
	if err := json.Unmarshal(document, &listed); err != nil {
		t.Fatal(err)
	}
	for _, listed := range listed.Packages {
		for _, ref := range listed.ExternalRefs {
			if module := goModule.FindStringSubmatch(ref.Locator); ref.Type == "purl" && module != nil && module[1] != "nativebridge" {
				modules = append(modules, module[1]+"@"+module[2])
			}
		}
	}
	slices.Sort(modules)
	return modules
}

// leave writes the snapshot to where people look for it.
func leave(t *testing.T, s snapshot) {
	t.Helper()
	dist := filepath.Join(top, "bin/dist")
	if err := os.RemoveAll(dist); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dist, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range s.files {
		if err := os.WriteFile(filepath.Join(dist, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
