package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The vendors and the callers, which are this process, run on the first core, and what is
// measured on the second, so that neither takes the other's. All figures are of one core.
const ourCore, theirCore = "0", "1"

// pin starts this program again, on its own core, and before other work if root asks.
// With a single core, all share it.
func pin() error {
	if os.Getenv("BENCH_PINNED") != "" || runtime.NumCPU() < 2 {
		return nil
	}
	command := []string{"taskset", "-c", ourCore}
	if os.Getuid() == 0 {
		command = append([]string{"nice", "-n", "-15"}, command...)
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, append(command, os.Args...), append(os.Environ(), "BENCH_PINNED=1"))
}

// process is a running one.
type process struct {
	*exec.Cmd
	ended chan struct{}
	log   string // a file with what it said
}

// start runs a command on a core, in the folder. What it says goes to a file, as audit
// lines do where containers run.
func start(core, folder string, env []string, command ...string) (*process, error) {
	if os.Getenv("BENCH_PINNED") != "" {
		command = append([]string{"taskset", "-c", core}, command...)
	}
	p := &process{Cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{})}
	out, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.log, p.Dir = out.Name(), folder
	p.Env, p.Stdout, p.Stderr = append(os.Environ(), env...), out, out
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.Process.Kill()
		<-p.ended
	}
	_ = os.Remove(p.log)
}

// await tries again until it works, for as long as the process lives, but not for ever.
func (p *process) await(works func() bool) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if works() {
			return nil
		}
		select {
		case <-p.ended:
			said, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended: %s", p.Path, said)
		default:
		}
	}
	return fmt.Errorf("%s does not become ready", p.Path)
}

func listens(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// cpu returns the CPU time that the process has had, in the kernel's ticks of 10 ms.
func (p *process) cpu() time.Duration { return cpuOf(p.Process.Pid) }

func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold spaces; utime and stime are fields 14 and 15 (proc(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// machineCPU returns the CPU time that everything on this machine has had, and what other
// machines took of it (steal).
func machineCPU() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var sum int
	for i, field := range strings.Fields(line)[1:9] {
		if ticks, _ := strconv.Atoi(field); i != 3 && i != 4 { // idle, and idle while it waits for a disk
			sum += ticks
		}
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

// peak returns the most memory that the process has had, in MiB, since forgetPeak.
func (p *process) peak() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kib / 1024
}

func (p *process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Process.Pid), []byte("5"), 0)
}

func freeAddr() (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// processor names this machine's, and says how many there are.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return fmt.Sprintf("%s, %d cores", strings.Trim(line, "\t :"), strings.Count(string(text), "processor\t"))
}
