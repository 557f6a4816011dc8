package model

import (
	"regexp"
	"strconv"
	"strings"
)

// x86code executes the instructions of amd64 that the Go compiler used for the functions that are compared.
type x86code struct{}

func (x86code) registers() ([]string, string, uint64) {
	return []string{"AX", "BX", "CX", "DI", "SI", "R8", "R9", "R10", "R11"}, "SP", 0
}

func (x86code) enter(s *sandbox, back uint64) { x86code{}.push(s, back) }
func (x86code) leave(s *sandbox) uint64       { return x86code{}.pop(s) }

func (x86code) push(s *sandbox, v uint64) {
	s.r["SP"] -= 8
	s.store(s.r["SP"], 8, v, plain)
}

func (x86code) pop(s *sandbox) uint64 {
	s.r["SP"] += 8
	return s.load(s.r["SP"]-8, 8, plain)
}

var (
	x86Memory = regexp.MustCompile(`^(-?0x[0-9a-f]+|0)\((\w+)\)(?:\((\w+)\*(\d)\))?$`)
	testByte  = regexp.MustCompile(`^(4.)?84`)
	x86Name   = regexp.MustCompile(`^([A-D]X|[SD]I|[SB]P|R\d+)$`)
	lowByte   = strings.NewReplacer("AL", "AX", "BL", "BX", "CL", "CX", "DL", "DX")
)

// address of an operand in memory.
func (x86code) address(s *sandbox, arg string) (uint64, bool) {
	if strings.HasSuffix(arg, "(SB)") || strings.HasSuffix(arg, "(IP)") || strings.HasPrefix(arg, "FS:") {
		return globalsAt, true
	}
	f := x86Memory.FindStringSubmatch(arg)
	if f == nil {
		return 0, false
	}
	d, err := strconv.ParseInt(f[1], 0, 64)
	if err != nil {
		s.fail("operand %s", arg)
	}
	address := s.r[f[2]] + uint64(int64(int32(d))) // one of 32 bits is shown without its sign
	if f[3] != "" {
		scale, _ := strconv.ParseUint(f[4], 10, 64) // a digit
		address += s.r[f[3]] * scale
	}
	return address, true
}

func (c x86code) get(s *sandbox, arg string, size int) uint64 {
	mask := ^uint64(0) >> (64 - 8*size)
	if imm, ok := strings.CutPrefix(arg, "$"); ok {
		if v, err := strconv.ParseInt(imm, 0, 64); err == nil {
			return uint64(v) & mask
		}
		v, err := strconv.ParseUint(imm, 0, 64)
		if err != nil {
			s.fail("operand %s", arg)
		}
		return v & mask
	}
	if a, ok := c.address(s, arg); ok {
		return s.load(a, size, plain)
	}
	if arg = lowByte.Replace(arg); !x86Name.MatchString(arg) {
		s.fail("operand %s", arg)
	}
	return s.r[arg] & mask
}

func (c x86code) set(s *sandbox, arg string, size int, v uint64, o order) {
	if a, ok := c.address(s, arg); ok {
		s.store(a, size, v, o)
		return
	}
	if size < 4 {
		s.fail("sets a part of %s", arg)
	}
	s.r[arg] = v << (64 - 8*size) >> (64 - 8*size)
}

var x86Sizes = map[byte]int{'Q': 8, 'L': 4, 'B': 1}

func (c x86code) step(s *sandbox, o *machineOp) {
	name, args := o.name, o.args
	size := x86Sizes[name[len(name)-1]]
	base := name[:len(name)-1]
	last := ""
	if len(args) > 0 {
		last = args[len(args)-1]
	}
	// result is what an instruction that sets the flags leaves in its last operand.
	result := func(v uint64) {
		s.cmp = comparison{v, 0, uint(8 * size)}
		c.set(s, last, size, v, plain)
	}
	switch {
	case name == "NOPL" || name == "NOPW" || name == "NOP":
	case name == "CALL":
		s.callTo(c.target(s, last))
	case name == "RET":
		s.pc = c.leave(s)
	case name == "PUSHQ":
		c.push(s, c.get(s, last, 8))
	case name == "POPQ":
		c.set(s, last, 8, c.pop(s), plain)
	case name == "XORPS" && args[0] == last:
		s.wide[last] = [2]uint64{}
	case name == "MOVUPS" || name == "MOVDQU":
		// Of two words, of which either may come first; nothing that uses it says which.
		if a, ok := c.address(s, args[0]); ok {
			s.wide[last] = [2]uint64{s.load(a, 8, plain), s.load(a+8, 8, plain)}
		} else if a, ok := c.address(s, last); ok {
			o := plain
			if name == "MOVUPS" {
				o = full // the compiler's; of shared words it would be one that no model has
			}
			s.store(a, 8, s.wide[args[0]][0], o)
			s.store(a+8, 8, s.wide[args[0]][1], o)
		}
	case name == "MOVQ" && last[0] == 'X':
		s.wide[last] = [2]uint64{c.get(s, args[0], 8)}
	case name == "MOVHPS":
		a, _ := c.address(s, args[0])
		s.wide[last] = [2]uint64{s.wide[last][0], s.load(a, 8, plain)}
	case name == "PAND":
		a, b := s.wide[args[0]], s.wide[last]
		s.wide[last] = [2]uint64{a[0] & b[0], a[1] & b[1]}
	case name == "MOVZX":
		s.r[last] = c.get(s, args[0], 1)
	case name[0] == 'J':
		if name == "JMP" || s.holds(name[1:]) {
			s.pc = c.jump(s, last)
		}
	case strings.HasPrefix(name, "CMOV"):
		if s.holds(name[4:]) {
			s.r[last] = c.get(s, args[0], 8)
		}
	case strings.HasPrefix(name, "SET"):
		to := lowByte.Replace(last)
		s.r[to] = s.r[to]&^0xff | uint64(truth(s.holds(name[3:])))
	case size == 0:
		s.fail("does not know %s", o.text)
	case base == "MOV":
		c.set(s, last, size, c.get(s, args[0], size), plain)
	case base == "LEA":
		a, _ := c.address(s, args[0])
		c.set(s, last, size, a, plain)
	case base == "CMP":
		s.cmp = comparison{c.get(s, args[0], size), c.get(s, last, size), uint(8 * size)}
	case base == "TEST":
		if testByte.MatchString(o.code) { // shown like one of 32 bits
			size = 1
		}
		s.cmp = comparison{c.get(s, args[0], size) & c.get(s, last, size), 0, uint(8 * size)}
	case base == "BT": // the bit is the carry, which "below" stands for
		s.cmp = comparison{0, c.get(s, last, size) >> c.get(s, args[0], 1) & 1, 64}
	case base == "ADD":
		result(c.get(s, last, size) + c.get(s, args[0], size))
	case base == "SUB":
		result(c.get(s, last, size) - c.get(s, args[0], size))
	case base == "IMUL" && len(args) == 2:
		result(c.get(s, last, size) * c.get(s, args[0], size))
	case base == "AND":
		result(c.get(s, last, size) & c.get(s, args[0], size))
	case base == "XOR":
		result(c.get(s, last, size) ^ c.get(s, args[0], size))
	case base == "SHL":
		result(c.get(s, last, size) << c.get(s, args[0], 1))
	case base == "SHR":
		result(c.get(s, last, size) >> c.get(s, args[0], 1))
	case base == "SAR" && size == 8:
		result(uint64(int64(c.get(s, last, size)) >> c.get(s, args[0], 1)))
	case base == "INC":
		result(c.get(s, last, size) + 1)
	case base == "DEC":
		result(c.get(s, last, size) - 1)
	case base == "NEG":
		result(-c.get(s, last, size))
	case base == "XCHG":
		a, ok := c.address(s, last)
		if !ok {
			s.fail("does not know %s", o.text)
		}
		v := s.r[args[0]]
		if at, ok := s.place(a, size); ok {
			s.r[args[0]] = uint64(s.shared[at]) // what it loads nobody uses
		}
		s.store(a, size, v, locked)
	case base == "LOCKXADD":
		a, _ := c.address(s, last)
		v := s.load(a, size, plain)
		s.store(a, size, v+s.r[args[0]], locked)
		s.r[args[0]] = v
	default:
		s.fail("does not know %s", o.text)
	}
}

// target of a CALL: a name, or an address in a register.
func (x86code) target(s *sandbox, arg string) (string, uint64) {
	if a, ok := s.r[arg]; ok {
		return "", a
	}
	return arg, 0
}

func (x86code) jump(s *sandbox, arg string) uint64 {
	if a, err := strconv.ParseUint(arg, 0, 64); err == nil {
		return a
	}
	entry, ok := s.entry[arg]
	if !ok {
		s.fail("jumps to %s", arg)
	}
	return entry
}
