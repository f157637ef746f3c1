// Package interop is tests only: what other people's programs and other machines make of renraku's bytes. It builds with the tag
// interop, since it needs tools that are not Go's:
//
//	go test -tags interop -count=1 ./cmd/internal/interop -install
//
// Without -install it installs nothing, and fails with the names of what is missing. Nothing is skipped.
//
// tools_test.go knows the tools and installs them; the other files are named after what they test with.
// recording_test.go makes captures packet by packet, sessions_test.go those of testdata/captures.
package interop
