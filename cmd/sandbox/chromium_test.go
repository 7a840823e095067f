package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	pagecdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// How Chromium treats passkeys. With its dialogs, autofill waits for somebody to
// pick a row, but the dialog of a button cannot be driven; without them a button
// succeeds at once, and autofill would too.
const (
	passkeyDialogs = true
	noAutofill     = false
)

// browser is a tab with the page of a sandbox of its own.
type browser struct {
	t             *testing.T
	ctx           context.Context
	sandbox       *sandbox // nil if it is another process
	page          string   // its URL
	authenticator webauthn.AuthenticatorID
	armed         int // how often autofill had been armed when it was last waited for
}

// openPage starts a sandbox and opens its page. The test fails if the page wrote an
// error to the console by its end.
func openPage(t *testing.T, dialogs bool) *browser {
	t.Helper()
	return openPageWith(t, dialogs, nil)
}

// openPageWith is openPage with settings of the bridge.
func openPageWith(t *testing.T, dialogs bool, settings map[string]string) *browser {
	t.Helper()
	s := startSandbox(t, settings)
	b := openPageAt(t, dialogs, s.pageURL)
	b.sandbox = s
	return b
}

// openPageAt opens the page of a sandbox that runs already. Chromium is started with the
// flags.
func openPageAt(t *testing.T, dialogs bool, page string, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	if _, err := fs.Stat(webFiles, "dist/app.js"); err != nil {
		t.Fatal("the page is not built, run: npm ci --prefix cmd/sandbox/web && npm run build --prefix cmd/sandbox/web (or make, which does)")
	}
	b := &browser{t: t, ctx: startChromium(t, flags...), page: page}
	b.watchConsole()

	// Chromium fixes at the first enable whether there are dialogs.
	call(b, webauthn.Enable, webauthn.EnableParams{EnableUI: &dialogs})
	b.authenticator = call(b, webauthn.AddVirtualAuthenticator, authenticator).AuthenticatorID
	call(b, pagecdp.AddScriptToEvaluateOnNewDocument, pagecdp.AddScriptToEvaluateOnNewDocumentParams{Source: spy(dialogs)})
	b.open()
	return b
}

// startChromium returns a tab of a new headless Chromium.
func startChromium(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	var path string
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatalf("none of %s is installed, run: apt-get install chromium", strings.Join(names, ", "))
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
	}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(options, more...)...)
	t.Cleanup(stop)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	if err := chromedp.Do(ctx); err != nil { // without a deadline, which would be the browser's
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// authenticator is a platform authenticator that verifies its user without asking.
var authenticator = webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
	Protocol: "ctap2", Ctap2version: "ctap2_1", Transport: "internal",
	HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
	AutomaticPresenceSimulation: true, DefaultBackupEligibility: true, DefaultBackupState: true,
}}

// spy is what runs before the page does. With dialogs it counts the requests of
// autofill that have reached the browser; without them it hides that the
// browser has autofill.
func spy(dialogs bool) string {
	if dialogs {
		return `
			globalThis.armed = 0;
			const get = navigator.credentials.get.bind(navigator.credentials);
			navigator.credentials.get = (options) => {
				if (options.mediation === "conditional") globalThis.armed++;
				return get(options);
			};`
	}
	return `PublicKeyCredential.isConditionalMediationAvailable = async () => false;`
}

// watchConsole fails the test for every error on the console. An answer that is
// not 200 is no error: the page is there to show it. Nor is what the SDK says of a page
// under another name than the passkeys'.
func (b *browser) watchConsole() {
	ctx, stop := context.WithCancel(b.ctx)
	var watching sync.WaitGroup
	messages := chromedp.Console(ctx)
	watching.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Source != "network" && !strings.HasPrefix(m.Text, "[Authsignal] The Relying Party ID") && (m.IsException() || m.Type == "error" || m.Type == "warning") {
				b.t.Errorf("console: %s", m)
			}
		}
	})
	b.t.Cleanup(func() { stop(); watching.Wait() })
}

// patience is how long anything may take before the test gives up.
const patience = time.Minute

// do runs one step in the tab and returns what it yields.
func do[T any](b *browser, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, step)
	if err != nil {
		said, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("#message")?.textContent ?? ""`))
		b.t.Fatalf("%v; the page says %q", err, said)
	}
	return got
}

// call sends one command to the tab.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return got
}

// open loads the page and waits until its app runs.
func (b *browser) open() {
	b.t.Helper()
	b.armed = 0
	do(b, chromedp.Navigate(b.page))
	b.until(`document.body.dataset.ready === ""`)
}

// until waits for a JavaScript condition.
func (b *browser) until(condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](condition)); err != nil {
		said := do(b, chromedp.Evaluate[string](`document.querySelector("#message")?.textContent ?? ""`))
		b.t.Fatalf("waited in vain for %s; the page says %q", condition, said)
	}
}

func (b *browser) click(selector string) {
	b.t.Helper()
	do(b, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (b *browser) keys(keys string) {
	b.t.Helper()
	do(b, chromedp.KeyEvent(keys))
}

// fill puts a name into the field, without the focus, which would open the list of
// passkeys.
func (b *browser) fill(name string) {
	b.t.Helper()
	do(b, chromedp.Evaluate[chromedp.Void](`document.querySelector("#username").value = `+quoted(name)))
}

// create makes a passkey for name.
func (b *browser) create(name string) {
	b.t.Helper()
	b.fill(name)
	b.click("#create")
	b.says("Your passkey is ready, " + name + ". Now sign in with it.")
	b.fill("")
}

// pickFromAutofill picks that row of the name field's list, counted from the
// top. The list is Chromium's own: it is no part of the page, so keys alone can
// reach it.
func (b *browser) pickFromAutofill(row int) {
	b.t.Helper()
	b.until("armed > " + strconv.Itoa(b.armed))
	b.armed = do(b, chromedp.Evaluate[int]("armed"))
	b.click("#username")
	// Nothing tells that the list is open, and Chromium takes no Enter for half a
	// second after it opens, so that nobody picks a row by accident.
	time.Sleep(800 * time.Millisecond)
	for range row {
		b.press("ArrowDown", 40)
	}
	b.press("Enter", 13)
}

// press sends a key as the keyboard does. The native code, and a raw key instead of
// one that types, are what the list listens for.
func (b *browser) press(key string, code int64) {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: kind, Key: key, Code: key, WindowsVirtualKeyCode: code, NativeVirtualKeyCode: code,
		})
	}
}

// choose switches to the scenario by its radio button.
func (b *browser) choose(s scenario) {
	b.t.Helper()
	b.click("#open-scenarios")
	b.click("label:has(#scenario-" + s.ID + ")")
	b.until(`document.querySelector("#scenario-name").textContent === ` + quoted(s.Title))
	b.click("#scenarios button")
	b.until(`!document.querySelector("#scenarios").open`)
}

// signedInAs waits until the page shows a session of the subject.
func (b *browser) signedInAs(subject string) {
	b.t.Helper()
	b.until(`!document.querySelector("#signed-in").hidden && document.querySelector("#subject").textContent === ` + quoted(subject))
	b.until(`!document.body.classList.contains("busy")`)
}

// says waits until the app tells its user something that begins so.
func (b *browser) says(words string) {
	b.t.Helper()
	b.until(`document.querySelector("#message").textContent.startsWith(` + quoted(words) + `)`)
}

// outcome waits until the page shows what the app and the operator got.
func (b *browser) outcome(app, operator string) {
	b.t.Helper()
	for id, words := range map[string]string{"for-app": app, "for-operator": operator} {
		b.until(`document.querySelector("#` + id + ` .actual").textContent.includes(` + quoted(words) + `)`)
	}
	b.until(`!document.body.classList.contains("busy")`)
}

func (b *browser) shown(selector string) bool {
	b.t.Helper()
	return do(b, chromedp.Evaluate[bool](`document.querySelector(`+quoted(selector)+`).checkVisibility()`))
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return strings.TrimSpace(do(b, chromedp.Evaluate[string](`document.querySelector(`+quoted(selector)+`)?.textContent ?? "(not there)"`)))
}

// counts waits until the tile of the bridge's figures shows the texts.
func (b *browser) counts(tile string, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(`document.querySelector("#figure-` + tile + ` dd").textContent.includes(` + quoted(text) + `)`)
	}
}

// hops returns the rows of the drawing.
func (b *browser) hops() []string {
	b.t.Helper()
	return do(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("#hops li")].map(
		(row) => row.dataset.from + " → " + row.dataset.to + ": " + row.querySelector("code").textContent)`))
}

// focused waits until the element with the id has the focus.
func (b *browser) focused(id string) {
	b.t.Helper()
	b.until(`document.activeElement.id === ` + quoted(id))
}

func (b *browser) letUserVerify(can bool) {
	b.t.Helper()
	call(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: b.authenticator, IsUserVerified: can})
}

func (b *browser) resize(width, height int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// shoot writes a picture of what the window shows when nothing moves any more.
func (b *browser) shoot(file string) {
	b.t.Helper()
	b.until(`document.getAnimations().every((each) => each.playState === "finished")`)
	shot := call(b, pagecdp.CaptureScreenshot, pagecdp.CaptureScreenshotParams{Format: "png"})
	if err := os.WriteFile(file, shot.Data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) prefer(scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// forgetUser deletes the user at Authsignal, passkeys included.
func (b *browser) forgetUser(userID string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodDelete, b.sandbox.authsignal.APIURL()+"/users/"+url.PathEscape(userID), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.SetBasicAuth(b.sandbox.authsignal.Secret(), "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("deleting the user was answered %d", resp.StatusCode)
	}
}

// unreadable lists the visible texts with too little contrast: less than 4.5 to
// 1 (WCAG 2.2, success criterion 1.4.3).
func (b *browser) unreadable() []string {
	b.t.Helper()
	return do(b, chromedp.Evaluate[[]string](`(() => {
		const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
		const paint = (colours) => {
			context.clearRect(0, 0, 1, 1);
			for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
			return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
		};
		const luminance = (rgb) => {
			const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
			return 0.2126 * r + 0.7152 * g + 0.0722 * b;
		};
		const behind = (element) => element
			? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : ["Canvas"];
		const contrast = (element) => {
			const back = behind(element);
			const [a, b] = [luminance(paint(back)), luminance(paint([...back, getComputedStyle(element).color]))];
			return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		};
		const spoken = (element) => [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim() !== "");
		return [...document.querySelectorAll("body *")]
			.filter((e) => spoken(e) && e.checkVisibility() && contrast(e) < 4.5)
			.map((e) => contrast(e).toFixed(2) + " to 1: " + e.textContent.trim().slice(0, 60));
	})()`))
}

// quoted makes a JavaScript string of text.
func quoted(text string) string {
	q, _ := json.Marshal(text)
	return string(q)
}
