package segment

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("n", maxName)
	for name, want := range map[string]string{
		"/trading_data": "/dev/shm/trading_data",
		"trading_data":  "/dev/shm/trading_data",
		"/a":            "/dev/shm/a",
		"...":           "/dev/shm/...",
		"/.hidden":      "/dev/shm/.hidden",
		"bells":         "/dev/shm/bells",
		"BTC-USD@1":     "/dev/shm/BTC-USD@1",
		"~!$%&*?[]{}\\": "/dev/shm/~!$%&*?[]{}\\",
		long:            "/dev/shm/" + long,
		"/" + long:      "/dev/shm/" + long,
	} {
		got, err := path(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got)
		assert.Equal(t, want, Dir+canonical(name))
	}
}

func TestInvalidNames(t *testing.T) {
	for name, problem := range map[string]string{
		"":                            "is empty",
		"/":                           "is empty",
		"//":                          "would leave /dev/shm",
		".":                           "would leave /dev/shm",
		"/.":                          "would leave /dev/shm",
		"..":                          "would leave /dev/shm",
		"/..":                         "would leave /dev/shm",
		"/../x":                       "would leave /dev/shm",
		"../x":                        "would leave /dev/shm",
		"/a/b":                        "would leave /dev/shm",
		"a/b":                         "would leave /dev/shm",
		"a/":                          "would leave /dev/shm",
		"//a":                         "would leave /dev/shm",
		"/dev/shm/a":                  "would leave /dev/shm",
		strings.Repeat("n", 201):      "longer than 200 bytes",
		strings.Repeat("n", 1<<16):    "longer than 200 bytes",
		"a b":                         "printable ASCII",
		"a\tb":                        "printable ASCII",
		"a\nb":                        "printable ASCII",
		"a\x00b":                      "printable ASCII",
		"a\x1b[2J":                    "printable ASCII",
		"a\x7f":                       "printable ASCII",
		"größe":                       "printable ASCII",
		"a\xff":                       "printable ASCII",
		"x.0123456789abcdef.bell":     "ends in .bell",
		"/x.bell":                     "ends in .bell",
		".bell":                       "ends in .bell",
		"/../../etc/cron.d/x\x00bell": "would leave /dev/shm",
	} {
		for op, open := range map[string]func(string) error{
			opCreate: func(name string) error { _, err := Create(name, shape(16), Options{}); return err },
			opAttach: func(name string) error { _, err := Attach(name); return err },
			"bare":   func(name string) error { _, err := AttachBare(name); return err },
			opWriter: func(name string) error { _, err := OpenWriter(name); return err },
			opUnlink: Unlink,
		} {
			err := open(name)
			require.ErrorIs(t, err, ErrName, "%s %q", op, name)
			require.ErrorIs(t, err, syscall.EINVAL)
			require.ErrorContains(t, err, problem, "%s %q", op, name)
			require.ErrorContains(t, err, "use one like /trading_data")
			for _, c := range err.Error() {
				require.False(t, c < ' ' || c > '~' && c < 0xa0, "%q would steer a terminal", err)
			}
		}
	}
}
