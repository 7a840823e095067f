// Package files notices when the content of files changes.
package files

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"time"
)

// Interval is how often Watch looks at the files. A change is told when it has lasted for
// one interval.
const Interval = time.Second

// Watch calls changed when the content of one of the files has changed and then stayed the
// same for one Interval: a file that is being written is left alone until it is whole. It
// calls changed at once for what is received from now. It returns when ctx ends. Changed is
// never called twice at once.
//
// It reads the files again and again, and does not ask the operating system to tell of
// changes: Kubernetes replaces symbolic links some folders above, network file systems tell
// nothing, and a few small files cost nothing to read.
func Watch[T any](ctx context.Context, paths []string, now <-chan T, changed func()) {
	told := digest(paths)
	seen := told
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-now:
			told = digest(paths)
			seen = told
			changed()
		case <-tick.C:
			before := seen
			if seen = digest(paths); seen == before && seen != told {
				told = seen
				changed()
			}
		}
	}
}

// maxBytes is how much of a file is looked at. No certificate and no secret is as long.
const maxBytes = 1 << 20

// digest stands for the contents of the files. A file that cannot be read has a content of
// its own.
func digest(paths []string) (sum [sha256.Size]byte) {
	all := sha256.New()
	for _, path := range paths {
		one := sha256.New()
		file, err := os.Open(path) // #nosec G304 -- the operator names the files
		if err == nil {
			_, err = io.Copy(one, io.LimitReader(file, maxBytes))
			_ = file.Close()
		}
		if err != nil {
			_, _ = all.Write([]byte("unreadable"))
		}
		_, _ = all.Write(one.Sum(nil))
	}
	return [sha256.Size]byte(all.Sum(nil))
}
