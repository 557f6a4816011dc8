package interop

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// driver is the Go driver: what it has opened, and its reader and writer there.
type driver struct {
	record   record
	attached *segment.Segment // read-only
	owned    *segment.Segment // created or taken over
	reader   reader
	writer   writer
}

// driverRole answers the commands on standard input. With the name of a fault as its argument it is a
// driver with that fault.
func driverRole(args []string) error {
	broken := fault{}
	if len(args) > 0 {
		broken = faults[args[0]]
	}
	d := &driver{}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return d.closeAll()
		}
		line = strings.TrimSuffix(line, "\n")
		command := line
		if broken.command != nil {
			command = broken.command(d, line)
		}
		answer := d.answer(command)
		if broken.answer != nil {
			answer = broken.answer(d, line, answer)
		}
		if _, err := io.WriteString(os.Stdout, answer+"\n"); err != nil {
			return err
		}
	}
}

var errUsage = errors.New("usage")

// errorKinds are the errors of the protocol; the first that fits is told.
var errorKinds = []struct {
	err  error
	kind string
}{
	{errUsage, "usage"},
	{segment.ErrName, "name"},
	{segment.ErrNotRegular, "not-regular"},
	{syscall.ELOOP, "not-regular"}, // a symbolic link
	{segment.ErrBare, "bare"},
	{segment.ErrNotSegment, "magic"},
	{segment.ErrVersion, "version"},
	{segment.ErrByteOrder, "byte-order"},
	{segment.ErrChecksum, "checksum"},
	{segment.ErrTruncated, "truncated"},
	{segment.ErrGeometry, "geometry"},
	{segment.ErrSchema, "schema"},
	{segment.ErrWriterExists, "writer-exists"},
	{ring.ErrCorrupt, "corrupt"},
	{ring.ErrExhausted, "exhausted"},
	{ring.ErrNoDoorbell, "no-doorbell"},
	{fs.ErrNotExist, "not-found"},
	{fs.ErrPermission, "permission"},
	{fs.ErrExist, "exists"},
}

func (d *driver) answer(line string) string {
	answer, err := d.do(strings.Fields(line))
	if err == nil {
		return answer
	}
	if _, ok := errors.AsType[*ring.SchemaError](err); ok {
		return "error schema"
	}
	for _, k := range errorKinds {
		if errors.Is(err, k.err) {
			return "error " + k.kind
		}
	}
	return "error other " + strings.ReplaceAll(err.Error(), "\n", " ")
}

func (d *driver) do(words []string) (string, error) {
	if len(words) == 0 {
		return "", errUsage
	}
	command, args := words[0], words[1:]
	arity, known := arities[command]
	if !known || len(args) != arity && (arity >= 0 || len(args) == 0) {
		return "", errUsage
	}
	switch command {
	case "attach", "create", "takeover":
		return d.open(command, args)
	case "detach":
		return "ok", d.closeAll()
	case "remove":
		return "ok", segment.Unlink(args[0])
	case "schema", "shape", "view", "head", "epoch", "state", "alive", "reader":
		return d.look(command, args)
	case "publish", "close", "replay":
		return d.write(command, args)
	case "rate":
		return d.rate(args[0], args[1])
	}
	return d.read(command, args)
}

// arities are the numbers of arguments; -1 is one or more.
var arities = map[string]int{
	"attach": 2, "create": 3, "takeover": 2, "detach": 0, "remove": 1,
	"schema": 0, "shape": 0, "view": 0, "head": 0, "epoch": 0, "state": 0, "alive": 0,
	"reader": 2, "poll": 0, "batch": 1, "latest": 0, "next": 1, "position": 0, "missed": 0, "received": 0, "follow": 1,
	"publish": -1, "close": 0, "replay": 3, "rate": 2,
}

func (d *driver) open(command string, args []string) (_ string, err error) {
	record, ok := records[args[1]]
	if !ok {
		return "", errUsage
	}
	d.record = record
	if command == "attach" {
		d.closeReader()
		if d.attached, err = segment.Attach(args[0]); err != nil {
			return "", err
		}
		if _, err = record.reader(d.attached, ring.ReaderOptions{}); err != nil { // of another type
			d.closeReader()
		}
		return "ok", err
	}
	d.closeWriter()
	if command == "takeover" {
		d.owned, err = segment.OpenWriter(args[0])
	} else {
		d.owned, err = create(args[0], record, args[2])
	}
	if err != nil {
		return "", err
	}
	if d.writer, err = record.writer(d.owned); err != nil {
		d.closeWriter()
	}
	return "ok", err
}

func create(name string, record record, slots string) (*segment.Segment, error) {
	n, err := strconv.ParseUint(slots, 10, 64)
	if err != nil {
		return nil, errUsage
	}
	g, err := record.geometry(n)
	if err != nil {
		return nil, err
	}
	return segment.Create(name, g, segment.Options{Doorbell: true})
}

func (d *driver) closeReader() {
	if d.attached != nil {
		_ = d.attached.Close()
	}
	d.attached, d.reader = nil, nil
}

func (d *driver) closeWriter() {
	if d.owned != nil {
		_ = d.owned.Close()
	}
	d.owned, d.writer = nil, nil
}

func (d *driver) closeAll() error {
	d.closeReader()
	d.closeWriter()
	return nil
}

// look answers what can be asked of any segment.
func (d *driver) look(command string, args []string) (string, error) {
	s := d.attached
	if s == nil {
		s = d.owned
	}
	if s == nil {
		return "", errUsage
	}
	g := s.Geometry()
	switch command {
	case "schema":
		return schemaLine(g.Record), nil
	case "shape":
		doorbell := 0
		if g.Doorbell {
			doorbell = 1
		}
		return fmt.Sprintf("slots=%d stride=%d backing=%d doorbell=%d fallback=%s",
			g.Slots, g.SlotStride, g.Backing, doorbell, g.Fallback), nil
	case "view":
		return hex.EncodeToString(s.Header()[layout.ViewOffset : layout.ViewOffset+layout.ViewRecordSize]), nil
	case "reader":
		return d.newReader(s, args[0], args[1])
	}
	status, err := s.Status()
	if err != nil {
		return "", err
	}
	switch command {
	case "head":
		return fmt.Sprint(status.Head), nil
	case "state":
		return strings.Replace(status.State, "dead", "open", 1), nil // as stored
	case "alive":
		return map[bool]string{true: "yes", false: "no"}[status.Alive], nil
	}
	if d.reader != nil { // the epoch that it has come to
		epoch, _ := d.reader.Epoch()
		return fmt.Sprint(epoch), nil
	}
	return fmt.Sprint(status.Epoch), nil
}

func schemaLine(s ring.Schema) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", s.Name, s.Size)
	for _, f := range s.Fields {
		fmt.Fprintf(&b, " %s:%v", f.Name, f.Kind)
		if f.Count != 1 {
			fmt.Fprintf(&b, "[%d]", f.Count)
		}
		fmt.Fprintf(&b, "@%d", f.Offset)
	}
	return b.String()
}

func (d *driver) newReader(s *segment.Segment, start, resume string) (string, error) {
	var o ring.ReaderOptions
	var err error
	if o.Start, err = position(start); err != nil {
		return "", err
	}
	if o.Resume, err = position(resume); err != nil {
		return "", err
	}
	if s.Waiting() != nil { // for next
		o.Wait = ring.Block()
	}
	d.reader, err = d.record.reader(s, o)
	return "ok", err
}

func position(text string) (ring.Position, error) {
	switch text {
	case "oldest":
		return ring.Oldest(), nil
	case "oldest-safe":
		return ring.OldestSafe(), nil
	case "newest":
		return ring.Newest(), nil
	}
	kind, number, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case err == nil && kind == "newest-minus":
		return ring.NewestMinus(n), nil
	case err == nil && kind == "at":
		return ring.At(n), nil
	}
	return ring.Position{}, errUsage
}

func (d *driver) read(command string, args []string) (answer string, err error) {
	if d.reader == nil {
		return "", errUsage
	}
	switch command {
	case "poll":
		return d.reader.poll(), nil
	case "latest":
		return d.reader.latest(), nil
	case "position":
		return fmt.Sprint(d.reader.Position()), nil
	case "missed":
		return fmt.Sprint(d.reader.Missed()), nil
	case "received":
		return fmt.Sprint(d.reader.Received()), nil
	case "follow":
		return d.reader.follow(args[0])
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return "", errUsage
	}
	if command == "batch" {
		return d.reader.batch(n), nil
	}
	return d.reader.nextWithin(time.Duration(n) * time.Millisecond)
}

func (d *driver) write(command string, args []string) (string, error) {
	if d.writer == nil {
		return "", errUsage
	}
	switch command {
	case "publish":
		return d.writer.publish(args)
	case "close":
		return "ok", d.writer.Close()
	}
	loops, err := strconv.Atoi(args[1])
	if err != nil {
		return "", errUsage
	}
	batch, err := strconv.Atoi(args[2])
	if err != nil || batch < 1 {
		return "", errUsage
	}
	return d.writer.replay(args[0], loops, batch)
}

func (d *driver) rate(call, count string) (string, error) {
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return "", errUsage
	}
	var took time.Duration
	switch {
	case d.writer != nil && (call == "publish" || call == "publish-batch"):
		took = d.writer.rate(n, call == "publish-batch")
	case d.reader != nil && (call == "poll" || call == "poll-batch"):
		took, err = d.reader.rate(n, call == "poll-batch")
	default:
		return "", errUsage
	}
	return fmt.Sprint(took.Nanoseconds()), err
}
