package host

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/internal/testkit"
)

func TestSuggest(t *testing.T) {
	for name, tc := range map[string]struct {
		machine           testkit.Machine
		isolated, allowed string
		readers           int
		want              Pinning
		says              []string
	}{
		"isolated cores of one L3": {
			machine: big, isolated: "4-7,20-23", readers: 3,
			want: Pinning{Writer: 4, Readers: []int{5, 6, 7}, Distances: []Distance{SameL3, SameL3, SameL3}, Idle: []int{20, 21, 22, 23}},
		},
		"more readers than isolated cores": {
			machine: big, isolated: "5-6,21-22", readers: 3,
			want: Pinning{Writer: 5, Readers: []int{6, 4, 7}, Distances: []Distance{SameL3, SameL3, SameL3}, Idle: []int{20, 21, 22, 23}},
			says: []string{"not isolated, so the kernel may run others there: CPU 4,7"},
		},
		"isolated where readers have room": {
			machine: big, isolated: "3,8-10", readers: 2,
			want: Pinning{Writer: 8, Readers: []int{9, 10}, Distances: []Distance{SameL3, SameL3}, Idle: []int{24, 25, 26}},
		},
		"nothing isolated": {
			machine: big, readers: 3,
			want: Pinning{Writer: 4, Readers: []int{5, 6, 7}, Distances: []Distance{SameL3, SameL3, SameL3}, Idle: []int{20, 21, 22, 23}},
			says: []string{"not isolated, so the kernel may run others there: CPU 4-7"},
		},
		"beyond the L3": {
			machine: big, isolated: "1-15", readers: 4,
			want: Pinning{Writer: 4, Readers: []int{5, 6, 7, 1}, Distances: []Distance{SameL3, SameL3, SameL3, SameSocket}, Idle: []int{17, 20, 21, 22, 23}},
			says: []string{"reader 4 has another L3 than the writer"},
		},
		"beyond the socket": {
			machine: testkit.Machine{Sockets: 2, L3s: 1, Cores: 2, Threads: 1}, isolated: "1-3", readers: 2,
			want: Pinning{Writer: 2, Readers: []int{3, 1}, Distances: []Distance{SameL3, CrossSocket}},
			says: []string{"reader 2 is on another socket than the writer"},
		},
		"CPU 0 before siblings": {
			machine: testkit.Machine{Sockets: 1, L3s: 1, Cores: 2, Threads: 2}, isolated: "1,3", readers: 3,
			want: Pinning{Writer: 1, Readers: []int{2, 0, 3}, Distances: []Distance{SameL3, SameL3, SameCore}},
			says: []string{
				"reader 1 shares its core with CPU 0", "reader 2 is on CPU 0", "reader 2 shares the core of reader 1",
				"reader 3 shares the core of the writer", "CPU 0,2", "no CPU is left for anything else",
			},
		},
		"two CPUs": {
			machine: testkit.Machine{Sockets: 1, L3s: 1, Cores: 2, Threads: 1}, readers: 1,
			want: Pinning{Writer: 1, Readers: []int{0}, Distances: []Distance{SameL3}},
			says: []string{"reader 1 is on CPU 0", "CPU 0-1", "anything else"},
		},
		"one CPU": {
			machine: testkit.Machine{Sockets: 1, L3s: 1, Cores: 1, Threads: 1}, readers: 2,
			want: Pinning{Writer: 0, Readers: []int{}, Distances: []Distance{}, Unplaced: 2},
			says: []string{"the writer is on CPU 0", "not isolated", "2 of the readers", "anything else"},
		},
		"only what is allowed": {
			machine: big, isolated: "4-7", allowed: "9,25,30", readers: 2,
			want: Pinning{Writer: 9, Readers: []int{30, 25}, Distances: []Distance{SameSocket, SameCore}, Idle: []int{14}},
			says: []string{"reader 1 has another L3", "reader 2 shares the core of the writer", "CPU 9,25,30", "anything else"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := tc.machine.Tree()
			testkit.Change(tree, cpuDir+"isolated", tc.isolated)
			allowed := tc.allowed
			if allowed == "" {
				allowed = string(tree[cpuDir+"online"].Data)
			}
			testkit.Change(tree, "proc/self/status", "Cpus_allowed_list:\t"+allowed)
			got := read(t, tree).Suggest(tc.readers)
			said := got.Compromises
			got.Compromises, tc.want.Compromises = nil, nil
			if tc.want.Idle == nil {
				tc.want.Idle = []int{}
			}
			assert.Equal(t, tc.want, got)
			if assert.Len(t, said, len(tc.says), strings.Join(said, "\n")) {
				for i := range said {
					assert.Contains(t, said[i], tc.says[i])
				}
			}
		})
	}
}

func TestSuggestWhereNothingIsKnown(t *testing.T) {
	tree := testkit.Machine{Sockets: 1, L3s: 1, Cores: 4, Threads: 1}.Tree()
	for _, cpu := range []string{"cpu0", "cpu1", "cpu2", "cpu3"} {
		testkit.Remove(tree, cpuDir+cpu)
	}
	p := read(t, tree).Suggest(2)
	assert.Equal(t, 1, p.Writer)
	assert.Equal(t, []int{2, 3}, p.Readers)
	assert.Equal(t, []Distance{UnknownDistance, UnknownDistance}, p.Distances)
	assert.Equal(t, []string{"how far reader 1 is from the writer is unknown", "how far reader 2 is from the writer is unknown"}, p.Compromises)
}
