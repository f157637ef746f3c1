//go:build interop

package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/contactfile"
)

// in has the browser be in a time zone.
func (p *page) in(zone string) {
	p.t.Helper()
	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		return chromedp.Void{}, err
	})
}

func TestThePageSaysOfWhichZoneItsTimesAreAndTheTimeInUTC(t *testing.T) {
	f := newFleet(t, false)
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--host", "app01").Code)
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "maintain", "app01", "--for", "90m").Code)
	records, err := contactfile.ReadFile(f.File(cmdtest.Manager, "contact.dat"))
	require.NoError(t, err)
	since := records[1].Since
	for _, c := range []struct{ language, zone, label, title string }{
		{"en", "Asia/Tokyo", "times in UTC+9", "Asia/Tokyo, the zone of this browser. Point at a time for UTC, as the terminal has it."},
		{"ja", "Asia/Kolkata", "時刻は UTC+5:30", "このブラウザーの時間帯 Asia/Calcutta です。時刻にポインターを合わせると、端末と同じ UTC で表示します。"},
		{"en", "America/Phoenix", "times in UTC−7", "America/Phoenix, the zone of this browser. Point at a time for UTC, as the terminal has it."},
	} {
		p := browse(t, look{c.language, "light", 1440, 900})
		p.in(c.zone)
		p.open(f.url, 3)
		assert.Equal(t, c.label, p.text("#zone"))
		assert.Equal(t, c.title, eval[string](p, `document.getElementById("zone").title`))
		p.shot("zone-" + c.language)

		const row = `Array.from(document.querySelectorAll("#table .body .row")).find((r) => r.innerText.startsWith("app01"))`
		p.await("the row", row)
		place, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		assert.Contains(t, eval[string](p, row+`.querySelector(".c-since").innerText`), since.In(place).Format(time.TimeOnly))
		assert.Equal(t, since.UTC().Format(time.RFC3339), eval[string](p, row+`.querySelector(".c-since").title`), "as renraku status has it")
		for _, title := range eval[[]string](p, `Array.from(`+row+`.querySelectorAll(".c-last > *"), (e) => e.title)`) {
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, title)
		}
		p.do(chromedp.Evaluate[chromedp.Void](row + ".click()"))
		p.await("the history", `document.querySelectorAll("#detail tbody time").length === 1`)
		assert.Equal(t, since.UTC().Format(time.RFC3339), eval[string](p, `document.querySelector("#detail .quiet").title`))
		titles := eval[[]string](p, `[document.querySelector("#detail .banner.note"), document.querySelector("#detail tbody time")].map((e) => e.title)`)
		for _, title := range titles {
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, title)
		}
	}
}

func TestATimeOfTheOtherHalfOfTheYearSaysItsOwnZone(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.in("Europe/Berlin")
	p.open(f.url, 3)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	suffix := map[bool]string{true: "", false: " UTC+2"}
	_, now := time.Now().In(berlin).Zone()
	if now == 2*60*60 {
		suffix = map[bool]string{true: " UTC+1", false: ""}
	}
	texts := eval[[]string](p, `import("/words.js").then((w) => [Date.UTC(2001, 0, 15, 12), Date.UTC(2001, 6, 15, 12)].flatMap((t) => [w.timeText(t), w.minuteText(t)]))`)
	assert.Equal(t, []string{"2001-01-15 13:00:00" + suffix[true], "2001-01-15 13:00" + suffix[true],
		"2001-07-15 14:00:00" + suffix[false], "2001-07-15 14:00" + suffix[false]}, texts)
}
