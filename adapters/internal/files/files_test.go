package files_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/internal/files"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watched runs a test in which steps say what happens, and each returns how many changes are
// told in all by then.
func watched(t *testing.T, path string, test func(after func(intervals int) (told int), now chan<- struct{})) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var told atomic.Int64
		now := make(chan struct{})
		go files.Watch(ctx, []string{path}, now, func() { told.Add(1) })
		synctest.Wait()
		test(func(intervals int) int {
			time.Sleep(time.Duration(intervals) * files.Interval)
			synctest.Wait()
			return int(told.Load())
		}, now)
		stop()
	})
}

func TestAChangeIsToldOnceItHasLasted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "old")
	watched(t, path, func(after func(int) int, _ chan<- struct{}) {
		want := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d changes are told, want %d", what, got, want)
			}
		}
		want("nothing has happened", after(5), 0)
		write(t, path, "half of the n")
		want("it is being written", after(1), 0)
		write(t, path, "half of the new one")
		want("it is whole", after(1), 0)
		want("it stays so", after(1), 1)
		want("nothing more has happened", after(5), 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		want("it is gone", after(2), 2)
		write(t, path, "half of the new one")
		want("it is back", after(2), 3)
		write(t, path, "another")
		want("it changes for a moment", after(1), 3)
		write(t, path, "half of the new one")
		want("and back", after(3), 3)
	})
}

func TestWhoAsksIsServedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "old")
	watched(t, path, func(after func(int) int, now chan<- struct{}) {
		now <- struct{}{}
		if got := after(0); got != 1 {
			t.Errorf("%d changes are told, want one, though there is none", got)
		}
		write(t, path, "new")
		now <- struct{}{}
		if got := after(3); got != 2 {
			t.Errorf("%d changes are told, want the second, and not the same again", got)
		}
	})
}

// Kubernetes has a link to a folder in which all files change at once.
func TestAFolderThatIsReplacedIsNoticed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "2"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "secret"), "content "+name)
	}
	link := func(to, from string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	link("1", "..data")
	link("..data/secret", "secret")
	watched(t, filepath.Join(dir, "secret"), func(after func(int) int, _ chan<- struct{}) {
		link("2", "..new")
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if got := after(2); got != 1 {
			t.Errorf("%d changes are told, want one", got)
		}
	})
}
