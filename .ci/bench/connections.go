package main

import (
	"fmt"
	"sync"
	"time"
)

// memoryLimit is what a container of 128 MiB gives its Go program.
const memoryLimit = "GOMEMLIMIT=110MiB"

// connections measures the memory of a process to which many apps are connected.
func (b *bench) connections() error {
	const apps = 4000
	table := b.table("Memory", fmt.Sprintf("%d apps sign in over plain HTTP, 256 at once, and stay connected. The bridge has `MAX_CONNECTIONS=4608`.", apps),
		"implementation", "peak MiB")
	idle := func(one implementation, words string, settings ...string) error {
		r, err := one.start(b.folder, conditions{}, append(settings, "MAX_CONNECTIONS=4608")...)
		if err != nil {
			return err
		}
		defer r.stop()
		if err := r.connect(apps); err != nil {
			return err
		}
		table.row(r.name+words, figure(r.peak()))
		if r.name == bridgeName {
			b.promise(fmt.Sprintf("peak memory, %d idle connections%s", apps, words), r.peak(), true, 128, " MiB")
		}
		return nil
	}
	for _, one := range b.all {
		if err := idle(one, ""); err != nil {
			return err
		}
		if one.name != bridgeName {
			continue
		}
		if err := idle(one, ", `"+memoryLimit+"`", memoryLimit); err != nil {
			return err
		}
	}
	return nil
}

// connect has so many callers sign in, who then stay connected until all have.
func (r *running) connect(callers int) error {
	if err := r.forgetPeak(); err != nil {
		return err
	}
	load := r.load()
	places := make(chan struct{}, 256)
	all := make([]*caller, callers)
	var answers []answer
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range all {
		all[i] = load.caller(i)
		defer all[i].hangUp()
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			one := all[i].ask(time.Now())
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, one)
		})
	}
	group.Wait()
	for _, a := range answers {
		if !a.session {
			return fmt.Errorf("%s answered %d", r.name, a.status)
		}
	}
	return nil
}
