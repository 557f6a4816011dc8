package model

import (
	"regexp"
	"strconv"
	"strings"
)

// armv8code executes the instructions of arm64 that the Go compiler used for the functions that are compared.
type armv8code struct{}

func (armv8code) registers() (arguments []string, stack string, toArgs uint64) {
	for i := range 16 {
		arguments = append(arguments, "R"+strconv.Itoa(i))
	}
	return arguments, "RSP", 8
}

func (armv8code) enter(s *sandbox, back uint64) { s.r["R30"] = back }
func (armv8code) leave(s *sandbox) uint64       { return s.r["R30"] }

var (
	armMemory = regexp.MustCompile(`^(-?\d+)?\((\w+)\)(?:\((\w+)(?:<<(\d))?\))?$`)
	armShift  = regexp.MustCompile(`^(\w+)(<<|>>|->)(\d+)$`)
	armName   = regexp.MustCompile(`^(R\d+|RSP|ZR|g)$`)
	armSizes  = map[string]int{"MOVD": 8, "MOVW": 4, "MOVWU": 4, "MOVB": 1, "MOVBU": 1}
	armDMB    = map[uint64]order{9: loadAny, 10: storeStore, 11: full}
)

// get is the value of a register, shifted or not, or of a number.
func (c armv8code) get(s *sandbox, arg string) uint64 {
	if imm, ok := strings.CutPrefix(arg, "$"); ok {
		if f := strings.Split(strings.Trim(imm, "()"), "<<"); len(f) == 2 {
			return c.get(s, "$"+f[0]) << c.get(s, "$"+f[1])
		}
		if v, err := strconv.ParseInt(imm, 0, 64); err == nil {
			return uint64(v)
		}
		s.fail("operand %s", arg)
	}
	if f := armShift.FindStringSubmatch(arg); f != nil {
		n := c.get(s, "$"+f[3])
		switch f[2] {
		case "<<":
			return s.r[f[1]] << n
		case ">>":
			return s.r[f[1]] >> n
		}
		return uint64(int64(s.r[f[1]]) >> n)
	}
	if !armName.MatchString(arg) {
		s.fail("operand %s", arg)
	}
	return s.r[arg]
}

func (armv8code) set(s *sandbox, register string, v uint64) {
	if register != "ZR" {
		s.r[register] = v
	}
}

// address of an operand in memory. mode is that of the instruction: P adds the offset afterwards, W before.
func (c armv8code) address(s *sandbox, arg, mode string) (uint64, bool) {
	f := armMemory.FindStringSubmatch(arg)
	if f == nil {
		return 0, false
	}
	base, d := s.r[f[2]], int64(0)
	if f[1] != "" {
		d, _ = strconv.ParseInt(f[1], 10, 64) // digits
	}
	if f[3] != "" {
		shift, _ := strconv.Atoi("0" + f[4])
		return base + s.r[f[3]]<<shift, true
	}
	switch mode {
	case "P":
		s.r[f[2]] = base + uint64(d)
		return base, true
	case "W":
		s.r[f[2]] = base + uint64(d)
	}
	return base + uint64(d), true
}

// move is a load, a store, or neither.
func (c armv8code) move(s *sandbox, name, mode string, args []string) {
	size := armSizes[name]
	if a, ok := c.address(s, args[0], mode); ok {
		v := s.load(a, size, plain)
		switch name {
		case "MOVW":
			v = uint64(int64(int32(v)))
		case "MOVB":
			v = uint64(int64(int8(v)))
		}
		c.set(s, args[1], v)
		return
	}
	v := c.get(s, args[0])
	if a, ok := c.address(s, args[1], mode); ok {
		s.store(a, size, v, plain)
		return
	}
	if size < 8 {
		v = v << (64 - 8*size) >> (64 - 8*size)
	}
	c.set(s, args[1], v)
}

// pair is a load or a store of two registers, of 8 bytes or of 16.
func (c armv8code) pair(s *sandbox, mode string, args []string, wide, load bool) {
	at, of := args[1], args[0]
	if load {
		at, of = of, at
	}
	a, _ := c.address(s, at, mode)
	for _, r := range splitArgs(strings.Trim(of, "()")) {
		switch {
		case wide && load:
			s.wide[r] = [2]uint64{s.load(a, 8, full), s.load(a+8, 8, full)}
		case wide:
			s.store(a, 8, s.wide[r][0], full) // of shared words it would be one that no model has
			s.store(a+8, 8, s.wide[r][1], full)
		case load:
			c.set(s, r, s.load(a, 8, plain))
		default:
			s.store(a, 8, c.get(s, r), plain)
		}
		a += 8
		if wide {
			a += 8
		}
	}
}

func (c armv8code) step(s *sandbox, o *machineOp) {
	name, mode, _ := strings.Cut(o.name, ".")
	args := o.args
	last := ""
	if len(args) > 0 {
		last = args[len(args)-1]
	}
	at := func(i int) uint64 { a, _ := c.address(s, args[i], ""); return a }
	// three is the calculation of an instruction with two operands or three.
	three := func(f func(a, b uint64) uint64) {
		c.set(s, last, f(c.get(s, args[len(args)-2]), c.get(s, args[0])))
	}
	size := 8
	if strings.HasSuffix(name, "W") && name != "MOVW" {
		size, name = 4, strings.TrimSuffix(name, "W")
	}
	switch name {
	case "NOOP":
	case "CALL":
		if a, ok := c.address(s, last, ""); ok {
			s.callTo("", a)
			return
		}
		s.callTo(last, 0)
		return
	case "RET":
		s.pc = c.leave(s)
	case "MOVD", "MOVW", "MOVWU", "MOVB", "MOVBU":
		c.move(s, name, mode, args)
	case "LDP", "STP":
		c.pair(s, mode, args, false, name == "LDP")
	case "FLDPQ", "FSTPQ":
		c.pair(s, mode, args, true, name == "FLDPQ")
	case "FMOVQ":
		_, load := c.address(s, args[0], "")
		c.pair(s, mode, args, true, load)
	case "LDAR", "LDAXR":
		c.set(s, args[1], s.load(at(0), size, acquire))
	case "STLR":
		s.store(at(1), size, c.get(s, args[0]), release)
	case "STLXR":
		s.store(at(1), size, c.get(s, args[0]), release)
		c.set(s, args[2], 0)
	case "DMB":
		s.barrier(armDMB[c.get(s, args[0])])
	case "ADRP":
		c.set(s, last, globalsAt)
	case "ADD", "ADDS":
		three(func(a, b uint64) uint64 { return a + b })
	case "SUB", "SUBS":
		three(func(a, b uint64) uint64 { return a - b })
		if name == "SUBS" {
			s.cmp = comparison{c.get(s, last), 0, 64}
		}
	case "AND":
		three(func(a, b uint64) uint64 { return a & b })
	case "ORR":
		three(func(a, b uint64) uint64 { return a | b })
	case "LSL":
		three(func(a, b uint64) uint64 { return a << b })
	case "LSR":
		three(func(a, b uint64) uint64 { return a >> b })
	case "MUL":
		three(func(a, b uint64) uint64 { return a * b })
	case "MADD": // factor, addend, factor, result
		c.set(s, last, c.get(s, args[1])+c.get(s, args[2])*c.get(s, args[0]))
	case "NEG":
		c.set(s, last, -c.get(s, args[0]))
	case "UBFX": // first bit, from, bits, result
		c.set(s, last, c.get(s, args[1])>>c.get(s, args[0])&(1<<c.get(s, args[2])-1))
	case "CMP":
		s.cmp = comparison{c.get(s, args[1]), c.get(s, args[0]), uint(8 * size)}
	case "CSEL", "CSINC":
		v := c.get(s, args[1])
		if !s.holds(args[0]) {
			v = c.get(s, args[2])
			if name == "CSINC" {
				v++
			}
		}
		c.set(s, last, v)
	case "CSET":
		c.set(s, last, uint64(truth(s.holds(args[0]))))
	case "CBZ", "CBNZ":
		zero := c.get(s, args[0])<<(64-8*size) == 0
		c.jump(s, o, last, zero == (name == "CBZ"))
	case "TBZ", "TBNZ":
		zero := c.get(s, args[1])>>c.get(s, args[0])&1 == 0
		c.jump(s, o, last, zero == (name == "TBZ"))
	case "JMP":
		c.jump(s, o, last, true)
	default:
		if condition, ok := strings.CutPrefix(name, "B"); ok && len(args) == 1 {
			c.jump(s, o, last, s.holds(condition))
			return
		}
		c.undecoded(s, o)
	}
}

// jump goes to a place that objdump counts in instructions.
func (armv8code) jump(s *sandbox, o *machineOp, to string, taken bool) {
	n, err := strconv.ParseInt(strings.TrimSuffix(to, "(PC)"), 10, 64)
	entry, named := s.entry[to]
	switch {
	case !taken:
	case named:
		s.pc = entry
	case err != nil:
		s.fail("jumps to %s", to)
	default:
		s.pc = o.address + uint64(4*n)
	}
}

// undecoded executes LDADDAL, which objdump does not know: Rs<<16 | Rn<<5 | Rt.
func (c armv8code) undecoded(s *sandbox, o *machineOp) {
	word, err := strconv.ParseUint(o.code, 16, 32)
	size, known := map[uint64]int{0xf8e0_0000: 8, 0xb8e0_0000: 4}[word&0xffe0_fc00]
	if err != nil || !known {
		s.fail("does not know %s (%s)", o.text, o.code)
	}
	register := func(shift int) string { return "R" + strconv.FormatUint(word>>shift&31, 10) }
	a := s.r[register(5)]
	v := s.load(a, size, acquire)
	s.store(a, size, v+s.r[register(16)], release)
	c.set(s, register(0), v)
}
