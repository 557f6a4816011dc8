package users

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// What C++ and Python programs are told of a segment that a stranger made, of one that a reader has locked, and of one that is closed to
// them.
func TestClients(t *testing.T) {
	for language, command := range testkit.Clients {
		t.Run(language, func(t *testing.T) { scene(t, "clients", command(t)...) })
	}
}

func init() { scenes["clients"] = clients }

func clients(args []string) error {
	c, err := testkit.StartClient(args)
	if err != nil {
		return err
	}
	refuses := func(line, text, next string) error {
		answer, err := c.Ask(line)
		if err == nil && (!strings.Contains(answer, text) || !strings.Contains(answer, next)) {
			err = fmt.Errorf("%s: not %q, %q: %s", line, text, next, answer)
		}
		fmt.Printf("%s: %s\n", line, answer)
		return err
	}
	if err := errors.Join(c.Does("become "+fmt.Sprint(owner)), as(stranger, "squat", "a segment, writable", segment.Dir+name)); err != nil {
		return err
	}
	err = errors.Join(
		refuses("takeover "+name, "made by another user, who could rewrite or truncate it: user 61003", "have its owner or root remove it"),
		refuses("create "+name, "take", "remove it first"), c.Does("attach "+name),
		as(stranger, "unlink"), as(stranger, "make", "600"),
		refuses("attach "+name, "ermission denied", "ask its owner"), refuses("takeover "+name, "ermission denied", "ask its owner"),
		as(stranger, "unlink"), as(owner, "make", "640"), os.Chown(segment.Dir+name, owner, group),
	)
	if err != nil {
		return err
	}
	holder, err := begin(member, "grip", "an OFD read lock")
	if err != nil {
		return err
	}
	return errors.Join(refuses("takeover "+name, "no writer has the segment", "lslocks"), holder.end(), c.Does("takeover "+name), c.End())
}
