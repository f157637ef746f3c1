// Package definition reads and checks the definition file of renraku (file 90, server definition and control data).
//
// Parse goes over the whole file and gives either what it defines, complete and without contradictions, or every mistake in
// it with file, line and key. DEFINITION.md has every key, for those who write such a file. The files, and what each owns:
//
//   - definition.go: what a definition holds, and the questions that are asked of it.
//   - parse.go: the way from bytes to a Definition, table by table.
//   - hosts.go: [manager], [monitor] and [[slave]], ranges expanded.
//   - address.go: an address completed to host:port.
//   - web.go: [web].
//   - process.go: [[process]].
//   - trigger.go: [[trigger]].
//   - cron.go: the five fields of a preset time.
//   - table.go: a table as the parser gives it: typed values, and the keys that nobody asked for.
//   - lines.go: the line of every key and value.
//   - syntax.go: what is wrong with a text that is not TOML.
//   - mistakes.go: the errors, and the nearest known word.
package definition
