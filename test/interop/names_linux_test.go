package interop

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// What is no name, and what is no segment.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, l launcher) { names(t, l) })
}

func names(t testing.TB, l launcher) {
	c := l.start(t)
	long := strings.Repeat("n", 201)
	for _, name := range []string{
		"/", "//", ".", "..", "/..", "/../x", "a/b", "/a/b", "a/", "//a", "/dev/shm/a",
		long, "/" + long, "x.bell", "größe", "a\xff",
	} {
		refuse(c, name, "name", "name")
	}
	free := testkit.Name(t)
	for _, name := range []string{free, strings.TrimPrefix(free, "/"), free + strings.Repeat("n", 201-len(free))} {
		refuse(c, name, "not-found", "")
	}

	taken := testkit.Name(t)
	c.expect("error geometry", "create %s TradingData 63", taken)
	c.expect("error geometry", "create %s TradingData 1", taken)
	c.expect("ok", "create %s TradingData 64", taken[1:]) // with the slash or without
	link, directory, fifo, socket := testkit.Name(t), testkit.Name(t), testkit.Name(t), testkit.Name(t)
	require.NoError(t, os.Symlink(segment.Dir+taken, segment.Dir+link))
	require.NoError(t, os.Mkdir(segment.Dir+directory, 0o700))
	require.NoError(t, syscall.Mkfifo(segment.Dir+fifo, 0o600))
	listener, err := net.Listen("unix", segment.Dir+socket)
	require.NoError(t, err)
	defer listener.Close()
	c.expect("ok", "detach")
	for _, name := range []string{link, directory, fifo, socket} {
		refuse(c, name, "not-regular", "exists")
	}
	c.expect("error exists", "create %s TradingData 64", taken)
	c.stop()
}

// refuse has a driver refuse a name in every way.
func refuse(c *client, name, kind, creating string) {
	c.Helper()
	c.expect("error "+kind, "attach %s TradingData", name)
	c.expect("error "+kind, "takeover %s TradingData", name)
	if creating != "" {
		c.expect("error "+creating, "create %s TradingData 64", name)
	}
	if kind == "name" || kind == "not-found" {
		c.expect("error "+kind, "remove %s", name)
	}
}
