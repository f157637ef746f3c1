//go:build interop

package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

var install = flag.Bool("install", false, "install the browser and the fonts where they are missing: Debian packages, as root")

// A file of each Debian package that is needed.
var packages = map[string]string{
	"/usr/bin/chromium":                "chromium",
	"/usr/share/fonts/opentype/noto":   "fonts-noto-cjk",
	"/usr/share/fonts/truetype/dejavu": "fonts-dejavu-core",
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := cmdtest.ProvideDebian(*install, packages); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmdtest.Main(m)
}

// patience is how long the tests wait for what a person would wait for, on a machine that is loaded.
const patience = 20 * time.Second

// look is how somebody has his browser.
type look struct {
	language      string // en, ja
	scheme        string // light, dark
	width, height int
}

// desk is an English browser on a large screen.
var desk = look{"en", "light", 1440, 900}

// page is a page that is open in a browser.
type page struct {
	t   *testing.T
	ctx context.Context
}

// browse starts a browser, which ends with the test; whatever its scripts throw fails the test.
func browse(t *testing.T, l look) *page {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.Headless, chromedp.WindowSize(l.width, l.height), chromedp.ExecPath("/usr/bin/chromium"),
		chromedp.Flag("lang", l.language), chromedp.Flag("accept-lang", l.language), chromedp.Flag("disable-dev-shm-usage", true)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	thrown := make(chan string, 100)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(func(e any) {
		if e, ok := e.(*runtime.EventExceptionThrown); ok {
			select {
			case thrown <- e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description:
			default:
			}
		}
	}))
	t.Cleanup(func() {
		cancel()
		select {
		case text := <-thrown:
			assert.Fail(t, "a script of the page threw", text)
		default:
		}
	})
	p := &page{t, ctx}
	require.NoError(t, chromedp.Do(ctx)) // the browser lives as long as the context that starts it
	p.do(chromedp.EmulateViewport(int64(l.width), int64(l.height)))
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}
	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return chromedp.Void{}, err
	})
	return p
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// eval evaluates JavaScript in a page.
func eval[T any](p *page, js string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, js)
	return v
}

// shot keeps a screenshot among the artefacts of the test, for whoever wants to look.
func (p *page) shot(name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	b, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), b, 0o644))
}
