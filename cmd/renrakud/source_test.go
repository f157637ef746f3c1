package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// source is the code of the daemon, as far as it says something to a person.
type source struct {
	set    *token.FileSet
	files  map[string]*ast.File // by path below the module
	consts map[string]ast.Expr  // constants of packages, by name
}

// notTheDaemon are folders below those of the daemon with code for tests and trials alone.
var notTheDaemon = []string{"slavetest", "cmdtest", "interop", "scale", "soak", "trial"}

func sourceOf(t *testing.T) *source {
	t.Helper()
	s := &source{set: token.NewFileSet(), files: map[string]*ast.File{}, consts: map[string]ast.Expr{}}
	for _, folder := range []string{"contactfile", "slave", "manager", "cmd/renrakud", "cmd/internal"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("../..", folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains(notTheDaemon, d.Name()):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			name, err := filepath.Rel("../..", path)
			require.NoError(t, err)
			s.files[name], err = parser.ParseFile(s.set, path, nil, parser.SkipObjectResolution)
			return err
		}))
	}
	for _, file := range s.files {
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for i, value := range v.Values {
						s.consts[v.Names[i].Name] = value
					}
				}
			}
		}
	}
	return s
}

// constant is what is known of a text before the program runs, with … for each part that is not: "…@… started". rest is those parts.
func (s *source) constant(e ast.Expr) (text string, rest []ast.Expr) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, _ = strconv.Unquote(e.Value)
			return text, nil
		}
	case *ast.BinaryExpr:
		left, restLeft := s.constant(e.X)
		right, restRight := s.constant(e.Y)
		return left + right, append(restLeft, restRight...)
	case *ast.ParenExpr:
		return s.constant(e.X)
	case *ast.Ident:
		if value, ok := s.consts[e.Name]; ok {
			return s.constant(value)
		}
	case *ast.SelectorExpr:
		if value, ok := s.consts[e.Sel.Name]; ok {
			return s.constant(value)
		}
	case *ast.CallExpr:
		if nameOf(e.Fun) == "string" && len(e.Args) == 1 {
			return s.constant(e.Args[0])
		}
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Sprintf" || f.Sel.Name == "Errorf") {
			format, _ := s.constant(e.Args[0])
			return withoutVerbs(format), e.Args[1:]
		}
	}
	return "…", []ast.Expr{e}
}

// withoutVerbs has … for each verb of a format.
func withoutVerbs(format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		for i++; strings.IndexByte("+-# 0123456789.*[]", format[i]) >= 0; i++ {
		}
		b.WriteString("…")
	}
	return b.String()
}

// nameOf is the last name of an expression: log of e.log.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// logged is a line that the log may have.
type logged struct {
	message, level, where string
	keys                  []string
}

// levels are the methods of a log, and what is said of their lines.
var levels = map[string]string{"Debug": "Debug", "Info": "Info", "Warn": "Warn", "Error": "Error", "Log": ""}

// logLines are the lines that the code logs. What passes a message on to a log is known by its name.
func (s *source) logLines() (all []logged) {
	for _, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			add := func(level string, message ast.Expr, before string, fields []ast.Expr) {
				text, _ := s.constant(message)
				all = append(all, logged{before + text, level, s.set.Position(call.Pos()).String(), keysOf(fields)})
			}
			name := nameOf(call.Fun)
			switch {
			case name == "newSayOnce" && len(call.Args) == 3:
				add("Error", call.Args[1], "", nil)
				add("Info", call.Args[2], "", nil)
			case name == "sayIsolation":
				add(strings.TrimPrefix(nameOf(call.Args[0]), "Level"), call.Args[1], "… ", call.Args[2:])
			case name == "becomes":
				add(strings.TrimPrefix(nameOf(call.Args[0]), "Level"), call.Args[2], "… ", call.Args[3:])
			case isLog(call.Fun) && name == "Log":
				add("", call.Args[2], "", call.Args[3:])
			case isLog(call.Fun):
				add(levels[name], call.Args[0], "", call.Args[1:])
			}
			return true
		})
	}
	return slices.DeleteFunc(all, func(l logged) bool { return strings.Trim(l.message, "… ") == "" }) // only passed on
}

// isLog says whether it is a method of a log.
func isLog(fun ast.Expr) bool {
	f, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	_, ok = levels[f.Sel.Name]
	return ok && strings.HasSuffix(strings.ToLower(nameOf(f.X)), "log")
}

// keysOf are the keys among the fields of a line.
func keysOf(fields []ast.Expr) (keys []string) {
	for i := 0; i < len(fields); i++ {
		key := fields[i]
		switch call, ok := key.(*ast.CallExpr); {
		case ok && nameOf(call.Fun) == "Group":
			key = call.Args[0]
		case ok && nameOf(call.Fun) == "append":
			keys = append(keys, keysOf(call.Args[0].(*ast.CompositeLit).Elts)...)
			return keys
		default:
			i++ // its value
		}
		text := "not a constant"
		if literal, ok := key.(*ast.BasicLit); ok {
			text, _ = strconv.Unquote(literal.Value)
		}
		keys = append(keys, text)
	}
	return keys
}

// events are what the daemon tells its triggers.
func (s *source) events() map[string]bool {
	all := map[string]bool{}
	add := func(e ast.Expr, before string) {
		if text, _ := s.constant(e); strings.Trim(text, "…@ ") != "" {
			all[before+text] = true
		}
	}
	for name, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "Event" { // of a result: what stands after its process and host
					for _, e := range assignedIn(n.Body, "what") {
						add(e, "…@… ")
					}
				}
			case *ast.CallExpr:
				f, ok := n.Fun.(*ast.SelectorExpr)
				switch {
				case nameOf(n.Fun) == "sayIsolation", ok && f.Sel.Name == "tell" && len(n.Args) == 2:
					add(n.Args[1], "… ")
				case nameOf(n.Fun) == "becomes":
					add(n.Args[2], "… ")
				case ok && (f.Sel.Name == "add" && nameOf(f.X) == "events" || f.Sel.Name == "tell" && filepath.Dir(name) != "slave/runs"):
					add(n.Args[0], "")
				}
			}
			return true
		})
	}
	return all
}

// assignedIn is what a variable or a field is set to.
func assignedIn(n ast.Node, name string) (all []ast.Expr) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if nameOf(left) == name && len(n.Lhs) == len(n.Rhs) {
					all = append(all, n.Rhs[i])
				}
			}
		case *ast.KeyValueExpr:
			if nameOf(n.Key) == name {
				all = append(all, n.Value)
			}
		}
		return true
	})
	return all
}

// makersOfTexts are the functions whose texts come with an outcome, by file: each literal in them is a part of one.
var makersOfTexts = map[string][]string{
	"slave/result.go":        {"results", "parentKilled"},
	"slave/execution.go":     {"check", "launch"},
	"slave/process.go":       {"Allows", "shown"},
	"slave/check.go":         {"runCheck", "plainStartError"},
	"slave/launch.go":        {"accountOf"},
	"slave/damage.go":        {"WithRemedy"},
	"slave/privilege.go":     {"Error"},
	"slave/runs/leader.go":   {"text", "statusText", "startError"},
	"slave/runs/launch.go":   {"Launch"},
	"manager/execution.go":   {"check"},
	"manager/maintenance.go": {"reason"},
	"manager/order.go":       {"dial", "plainNetworkError", "whyNoResponse", "awaitResponse"},
	"manager/targets.go":     {"unrecorded"},
	"manager/unanswered.go":  {"unknown"},
}

// texts are those that come with an outcome; each is as much of one as the code has in one piece.
func (s *source) texts(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	var add func(n ast.Node)
	add = func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			if call, ok := e.(*ast.CallExpr); ok && isLog(call.Fun) {
				return false
			}
			text, rest := s.constant(e)
			if len(rest) == 1 && rest[0] == e {
				return true // nothing is known of it, but of its parts
			}
			all[strings.Trim(text, ": ;")] = true
			for _, part := range rest {
				add(part)
			}
			return false
		})
	}
	for path, functions := range makersOfTexts {
		for _, d := range s.files[path].Decls {
			if f, ok := d.(*ast.FuncDecl); ok && slices.Contains(functions, f.Name.Name) {
				add(f.Body)
				functions = slices.DeleteFunc(slices.Clone(functions), func(name string) bool { return name == f.Name.Name })
			}
		}
		require.Empty(t, functions, "%s does not have it any more", path)
	}
	for _, file := range s.files {
		for _, e := range assignedIn(file, "Text") {
			add(e)
		}
	}
	for text := range all {
		if !strings.ContainsFunc(text, unicode.IsLower) { // punctuation, or a word of a file
			delete(all, text)
		}
	}
	return all
}

// outcomes are the words for what became of an order.
func (s *source) outcomes() (all []string) {
	for _, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && nameOf(v.Type) == "Outcome" && len(v.Values) == 1 {
				word, _ := s.constant(v.Values[0])
				all = append(all, word)
			}
			return true
		})
	}
	return all
}
