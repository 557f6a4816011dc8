package page

import (
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/show/made"
	"github.com/tickring/tickring/internal/testkit"
)

// browse opens a file in a browser that nobody sees, and returns what the page asked for and how it looks.
func browse(t *testing.T, file string, flags ...string) (requests []string, picture image.Image) {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		testkit.Require(t, "chromium", err.Error())
	}
	dir := t.TempDir()
	log, shot := filepath.Join(dir, "net.json"), filepath.Join(dir, "page.png")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, append(flags, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // the browser itself looks for updates and more
		"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--log-net-log="+log, "--screenshot="+shot, "file://"+file)...)
	// Helpers of the browser that outlive it would still write into what is to be removed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	said, err := cmd.CombinedOutput()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	require.NoError(t, err, "%s", said)

	f, err := os.Open(shot)
	require.NoError(t, err, "%s", said)
	defer f.Close()
	picture, err = png.Decode(f)
	require.NoError(t, err)
	return requested(t, log), picture
}

// requested are the addresses that the page, and not the browser of its own accord, has asked the network for.
func requested(t *testing.T, file string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var log struct {
		Events []struct {
			Params struct{ URL, Initiator string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &log))
	for _, e := range log.Events {
		if i := e.Params.Initiator; i != "" && i != "not an origin" && !slices.Contains(all, e.Params.URL) {
			all = append(all, e.Params.URL)
		}
	}
	return all
}

// colours counts the pixels of each colour.
func colours(picture image.Image) map[color.RGBA]int {
	count := map[color.RGBA]int{}
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	return count
}

const (
	light = "--blink-settings=preferredColorScheme=1"
	dark  = "--blink-settings=preferredColorScheme=0"
)

func TestInABrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, []byte(write(t, made.Report(1))), 0o600))
	for name, c := range map[string]struct {
		flags            []string
		page, text, tick color.RGBA
	}{
		"light, wide":  {[]string{light, "--window-size=1280,1600"}, rgb(0xf6f7f9), rgb(0x1b2027), rgb(0x0b62d6)},
		"dark, narrow": {[]string{dark, "--window-size=500,1600"}, rgb(0x0f1216), rgb(0xe4e8ee), rgb(0x5aa9ff)},
	} {
		t.Run(name, func(t *testing.T) {
			requests, picture := browse(t, file, c.flags...)
			assert.Empty(t, requests)
			count := colours(picture)
			assert.Greater(t, count[c.page], 10_000, "the page's background")
			assert.Greater(t, count[c.text], 100, "letters")
			assert.Greater(t, count[c.tick], 100, "curves and dots of the ring")
		})
	}
}

// The test above would see it if a page asked for something.
func TestABrowserThatIsAskedForMore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	const more = "http://127.0.0.1:9/picture.png"
	require.NoError(t, os.WriteFile(file, []byte(`<img src="`+more+`">`), 0o600))
	requests, _ := browse(t, file)
	assert.Contains(t, requests, more)
}

func rgb(v uint32) color.RGBA {
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}
