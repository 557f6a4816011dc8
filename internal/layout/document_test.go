package layout

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tables of docs/LAYOUT.md say what the constants say.
func TestTheDocumentSaysWhatTheCodeDoes(t *testing.T) {
	want := map[string]int{
		"view": ViewOffset, "view_version": ViewVersionOffset,
		"magic": magicOffset, "layout_version": versionOffset, "min_reader_version": minReaderVersionOffset, "byte_order": byteOrderOffset,
		"header_size": headerSizeOffset, "record_size": recordSizeOffset, "slot_stride": slotStrideOffset, "slots": slotsOffset,
		"ring_offset": ringOffsetOffset, "segment_size": segmentSizeOffset, "backing": backingOffset, "view_offset": viewOffsetOffset,
		"view_version_offset": viewVersionOffsetOffset, "schema_offset": schemaOffsetOffset, "schema_size": schemaSizeOffset,
		"ring_file_offset": ringFileOffsetOffset, "ring_file_size": ringFileSizeOffset, "flags": flagsOffset, "created": createdOffset,
		"fallback_offset": fallbackOffsetOffset, "fallback_size": fallbackSizeOffset, "checksum": checksumOffset,
		"head": HeadOffset, "epoch": EpochOffset, "epoch_first": EpochFirstOffset, "pid": PIDOffset, "start_time": StartTimeOffset,
		"state": StateOffset, "heartbeat": HeartbeatOffset,
		"ticket": DoorbellTicketOffset, "waiting": DoorbellWaitingOffset,
	}
	text, err := os.ReadFile("../../docs/LAYOUT.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| (\\d+) \\| [^|]+ \\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1)
	have := map[string]int{}
	for _, row := range rows {
		if _, twice := have[row[2]]; twice && row[2] == "magic" {
			continue // the doorbell's
		}
		have[row[2]], _ = strconv.Atoi(row[1])
	}
	assert.Equal(t, want, have)
}
