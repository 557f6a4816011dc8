//go:build unix

package mutants

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// packages are those whose mutants are generated: the library of the transport, as built for linux/amd64.
var packages = []string{"internal/layout", "internal/mounts", "internal/sys", "seqlock", "hugepages", "segment", "ring"}

// byHand are the files whose every access is an order or a check of the seqlock: a switch there would be another
// access among them. Their mutants are those of handmade_test.go.
var byHand = []string{"ring/load3_go_unsafe.go", "ring/peek_inplace_unsafe.go", "seqlock/load_go_unsafe.go"}

// Kinds of generated mutants.
const (
	check    = "check"    // a condition that leads out of the function or loop, or sets an error: false
	operand  = "operand"  // one of || taken for false, one of && for true
	boundary = "boundary" // < for <=, > for >=, and the other way round
	clamp    = "clamp"    // one side of a min or max, whatever the other is
	mask     = "mask"     // the left side of &
	call     = "call"     // a call whose result is not used: not made
)

var kinds = []string{check, operand, boundary, clamp, mask, call}

// generated is a mutant. All but its number is its name, which survives changes of other code.
type generated struct {
	id       int
	pkg      string
	function string
	kind     string
	change   string // the text that it changes, and to what
	place    string // file:line
}

func (g generated) name() string {
	return strings.Join([]string{g.pkg, g.function, g.kind, g.change}, "\t")
}

// generate returns the mutants, and the files that have a switch for each.
func generate(t testing.TB) (all []generated, files map[string]string) {
	t.Helper()
	root := testkit.ModuleRoot(t)
	files = map[string]string{}
	linux := build.Default
	linux.GOOS, linux.GOARCH, linux.BuildTags = "linux", "amd64", nil
	linux.ToolTags = nil // the race detector's
	for _, pkg := range packages {
		in, err := linux.ImportDir(filepath.Join(root, pkg), 0)
		require.NoError(t, err)
		for _, name := range in.GoFiles {
			file := pkg + "/" + name
			if slices.Contains(byHand, file) {
				continue
			}
			source, err := os.ReadFile(filepath.Join(root, file))
			require.NoError(t, err)
			r := &rewriter{pkg: pkg, file: file, source: source, positions: token.NewFileSet(), first: len(all)}
			if text := r.rewrite(t); len(r.mutants) > 0 {
				files[file] = text
				all = append(all, r.mutants...)
			}
		}
	}
	seen := map[string]int{}
	for i, g := range all {
		seen[g.name()]++
		if n := seen[g.name()]; n > 1 {
			all[i].change += fmt.Sprintf(" (%d)", n)
		}
	}
	return all, files
}

// rewriter puts the switches into a file. Each is text inserted before and behind an expression, so that lines keep
// their numbers.
type rewriter struct {
	pkg, file string
	source    []byte
	positions *token.FileSet
	function  string
	first     int
	mutants   []generated
	inserts   []insert
	wraps     map[ast.Expr]wrap
	same      map[ast.Expr]bool // comparisons of which < and <= are the same: of loops, which are no checks, and of what differs
}

// wrap is what an expression is passed through.
type wrap struct{ kind, function string }

type insert struct {
	at, drop int // bytes of the source
	text     string
}

func (r *rewriter) rewrite(t testing.TB) string {
	f, err := parser.ParseFile(r.positions, r.file, r.source, parser.SkipObjectResolution)
	require.NoError(t, err)
	r.wraps, r.same = map[ast.Expr]wrap{}, map[ast.Expr]bool{}
	r.inserts = append(r.inserts, insert{at: r.offset(f.Name.End()), text: `; import "github.com/tickring/tickring/internal/mutant"`})
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			r.function = functionName(fn)
			r.walk(fn.Body)
		}
	}
	slices.SortStableFunc(r.inserts, func(a, b insert) int { return a.at - b.at })
	var b strings.Builder
	at := 0
	for _, i := range r.inserts {
		b.Write(r.source[at:i.at])
		b.WriteString(i.text)
		at = i.at + i.drop
	}
	b.Write(r.source[at:])
	return b.String()
}

func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return receiver.(*ast.Ident).Name + "." + fn.Name.Name
}

// walk visits what is below n. What stands before an expression is inserted on the way in, what stands behind it on
// the way out, so that switches nest as the expressions do.
func (r *rewriter) walk(n ast.Node) {
	var behind []func()
	ast.Inspect(n, func(n ast.Node) bool {
		if n == nil {
			behind[len(behind)-1]()
			behind = behind[:len(behind)-1]
			return true
		}
		out := r.enter(n)
		behind = append(behind, func() {
			for _, text := range out {
				r.insert(n.End(), text)
			}
		})
		return true
	})
}

// enter puts what stands before a node, and returns what stands behind it, innermost first.
func (r *rewriter) enter(n ast.Node) (behind []string) {
	switch n := n.(type) {
	case *ast.CaseClause:
		for _, condition := range n.List {
			r.differ(condition, n.Body)
		}
	case *ast.IfStmt:
		r.differ(n.Cond, n.Body.List)
		if rejects(n.Body.List) {
			r.check(n.Cond)
		}
	case *ast.SwitchStmt:
		for _, c := range n.Body.List {
			if c := c.(*ast.CaseClause); n.Tag == nil && rejects(c.Body) {
				for _, condition := range c.List {
					r.check(condition)
				}
			}
		}
	case *ast.ForStmt:
		r.same[n.Cond] = true
	case *ast.ExprStmt:
		return r.statement(n, n.X)
	case *ast.DeferStmt:
		return r.statement(n, n.Call)
	case *ast.AssignStmt:
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" && n.Tok == token.ASSIGN {
			return r.statement(n, n.Rhs[0])
		}
	case ast.Expr:
		if w, ok := r.wraps[n]; ok {
			id := r.mutant(n, w.kind, fmt.Sprintf("%s: %s", r.text(n), strings.ToLower(w.function)))
			r.insert(n.Pos(), fmt.Sprintf("mutant.%s(%d, ", w.function, id))
			behind = append(behind, ")")
		}
		return append(r.expression(n), behind...)
	}
	return nil
}

// check makes a mutant of a condition, unless its operands have theirs: that all of them are false is what one is.
func (r *rewriter) check(condition ast.Expr) {
	if b, ok := ast.Unparen(condition).(*ast.BinaryExpr); !ok || b.Op != token.LOR {
		r.wraps[condition] = wrap{check, "False"}
	}
}

// differ finds the comparisons of two names in statements that are reached only if the two differ.
func (r *rewriter) differ(condition ast.Expr, body []ast.Stmt) {
	if c, ok := condition.(*ast.BinaryExpr); ok && c.Op == token.NEQ {
		for _, s := range body {
			if s, ok := s.(*ast.IfStmt); ok {
				if b, ok := s.Cond.(*ast.BinaryExpr); ok && r.text(b.X) == r.text(c.X) && r.text(b.Y) == r.text(c.Y) {
					r.same[b] = true
				}
			}
		}
	}
}

// expression makes mutants of what an operator or a call does.
func (r *rewriter) expression(n ast.Expr) (behind []string) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		switch n.Op {
		case token.LOR, token.LAND:
			function := map[token.Token]string{token.LOR: "False", token.LAND: "True"}[n.Op]
			for _, x := range []ast.Expr{n.X, n.Y} {
				if b, ok := ast.Unparen(x).(*ast.BinaryExpr); !ok || b.Op != n.Op {
					r.wraps[x] = wrap{operand, function}
				}
			}
		case token.LSS:
			return r.operator(n, boundary, "Less", "<=")
		case token.GTR:
			return r.operator(n, boundary, "Greater", ">=")
		case token.LEQ:
			return r.operator(n, boundary, "LessEqual", "<")
		case token.GEQ:
			return r.operator(n, boundary, "GreaterEqual", ">")
		case token.AND:
			return r.operator(n, mask, "And", "its left side")
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "min" || f.Name == "max") && len(n.Args) == 2 {
			first := r.mutant(n, clamp, r.text(n)+": "+r.text(n.Args[0]))
			second := r.mutant(n, clamp, r.text(n)+": "+r.text(n.Args[1]))
			function := map[string]string{"min": "Min", "max": "Max"}[f.Name]
			r.replace(f.Pos(), len(f.Name)+1, fmt.Sprintf("mutant.%s(%d, %d, ", function, first, second))
		}
	}
	return nil
}

// operator makes a call of an operation, with a mutant that does another.
func (r *rewriter) operator(n *ast.BinaryExpr, kind, function, becomes string) (behind []string) {
	if r.same[n] {
		return nil
	}
	id := r.mutant(n, kind, fmt.Sprintf("%s: %s", r.text(n), becomes))
	r.insert(n.Pos(), fmt.Sprintf("mutant.%s(%d, ", function, id))
	r.replace(n.OpPos, len(n.Op.String()), ",")
	return []string{")"}
}

// statement makes a mutant of a call whose result is not used. One that panics, or tells a test's text, is none.
func (r *rewriter) statement(n ast.Stmt, x ast.Expr) (behind []string) {
	c, ok := x.(*ast.CallExpr)
	if !ok || isPanic(c) {
		return nil
	}
	text, _, _ := strings.Cut(r.text(n), "\n")
	id := r.mutant(n, call, text+": nothing")
	r.insert(n.Pos(), fmt.Sprintf("if mutant.Do(%d) { ", id))
	return []string{" }"}
}

func (r *rewriter) mutant(n ast.Node, kind, change string) (id int) {
	id = r.first + len(r.mutants)
	place := fmt.Sprintf("%s:%d", r.file, r.positions.Position(n.Pos()).Line)
	r.mutants = append(r.mutants, generated{id: id, pkg: r.pkg, function: r.function, kind: kind, change: change, place: place})
	return id
}

func (r *rewriter) insert(at token.Pos, text string) { r.replace(at, 0, text) }

func (r *rewriter) replace(at token.Pos, length int, text string) {
	r.inserts = append(r.inserts, insert{r.offset(at), length, text})
}

func (r *rewriter) offset(p token.Pos) int { return r.positions.Position(p).Offset }

func (r *rewriter) text(n ast.Node) string {
	return strings.Join(strings.Fields(string(r.source[r.offset(n.Pos()):r.offset(n.End())])), " ")
}

// rejects reports whether statements lead out of the function or the loop, or set an error.
func rejects(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	switch last := body[len(body)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		c, ok := last.X.(*ast.CallExpr)
		return ok && isPanic(c)
	}
	return slices.ContainsFunc(body, func(s ast.Stmt) bool {
		a, ok := s.(*ast.AssignStmt)
		return ok && a.Tok == token.ASSIGN && slices.ContainsFunc(a.Lhs, namedError)
	})
}

func isPanic(c *ast.CallExpr) bool {
	f, ok := c.Fun.(*ast.Ident)
	return ok && f.Name == "panic"
}

func namedError(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && (strings.HasSuffix(strings.ToLower(id.Name), "err") || id.Name == "errno")
}
