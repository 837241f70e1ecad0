package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	cdplog "github.com/chromedp/cdproto/log"
)

// tab is a tab of the browser and what happened in it.
type tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	errors   []string // of the console, exceptions among them
	requests []string // URLs, but for data in themselves
}

// open opens a tab; it closes with the test.
func open(t *testing.T, browser context.Context) *tab {
	t.Helper()
	b := &tab{T: t}
	ctx, cancel := context.WithTimeout(browser, 2*time.Minute)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.happened))
	t.Cleanup(cancel)
	b.do(call(network.Enable, network.EnableParams{}))
	return b
}

// happened takes an event.
func (b *tab) happened(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			text := "console:"
			for _, a := range e.Args {
				text += " " + string(a.Value) + a.Description
			}
			b.errors = append(b.errors, text)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.errors = append(b.errors, "exception: "+text)
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			b.errors = append(b.errors, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			b.requests = append(b.requests, e.Request.URL)
		}
	}
}

// call makes an action of a command without an answer.
func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("%v; the page says %q", err, b.problems())
	}
}

// eval gives the value of an expression, or of what it promises.
func eval[T any](b *tab, expression string, args ...any) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script(b.T, expression, args...), chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v; the page says %q", expression, err, b.problems())
	}
	return v
}

// wait waits until an expression is true. While the tab goes to another page, it cannot be asked.
func (b *tab) wait(expression string) {
	b.Helper()
	const interval, limit = 20 * time.Millisecond, 30 * time.Second
	for began := time.Now(); ; time.Sleep(interval) {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok && err == nil {
			return
		}
		if time.Since(began) > limit {
			b.Fatalf("after %s still not %s: %v; the page says %q", limit, expression, err, b.problems())
		}
	}
}

// script puts values, as JSON, in place of each %s of an expression.
func script(t *testing.T, expression string, args ...any) string {
	t.Helper()
	texts := make([]any, len(args))
	for i, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	return fmt.Sprintf(expression, texts...)
}

func (b *tab) problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors)
}

// quiet says that there was no error so far, and no request but of URLs that begin with one of those.
func (b *tab) quiet(own ...string) {
	b.Helper()
	for _, e := range b.problems() {
		b.Errorf("the page says %s", e)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.requests {
		if !slices.ContainsFunc(own, func(prefix string) bool { return strings.HasPrefix(url, prefix) }) {
			b.Errorf("the page asked for %s", url)
		}
	}
	if len(b.requests) == 0 {
		b.Error("saw no request, not even of the page")
	}
}

// look sets the width of the window and whether the person wants it dark.
func (b *tab) look(width int64, scheme string) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, 900), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// screenshot keeps a picture of the whole page in the directory that FLOWLAKE_SCREENSHOTS names, if
// it does, or fails if the picture is of one colour.
func (b *tab) screenshot(name string) {
	b.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.Fatal(err)
	}
	if len(png) < 10_000 {
		b.Errorf("%s: a picture of %d bytes shows nothing", name, len(png))
	}
	dir := os.Getenv("FLOWLAKE_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666); err != nil {
		b.Fatal(err)
	}
}

// testTab says that errors and requests do not escape a tab.
func testTab(t *testing.T, browser context.Context) {
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>wrong</title><p style="color: red"><img src="http://`+stranger+`/image"><script>console.error("shout"); null.throw</script>`)
	}))
	defer wrong.Close()
	b := open(t, browser)
	b.do(chromedp.Navigate(wrong.URL))
	b.wait(`document.title === "wrong"`)
	said := strings.Join(b.problems(), "\n")
	for _, want := range []string{"shout", "TypeError", "style-src", "ERR_"} {
		if !strings.Contains(said, want) {
			t.Errorf("%s is not among\n%s", want, said)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := []string{wrong.URL + "/", "http://" + stranger + "/image"}; !slices.Equal(b.requests[:min(2, len(b.requests))], want) {
		t.Errorf("requests are %q, want %q", b.requests, want)
	}
}
