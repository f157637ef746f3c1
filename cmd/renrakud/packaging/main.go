// Packaging builds the deb and rpm packages of renraku, for amd64 and arm64:
//
//	go run ./cmd/renrakud/packaging -out dist
//
// PACKAGING.md says what is in them and how they behave; the directory files has all that is not built. The same commit gives the same bytes.
//
// main.go reads the flags, version.go finds version, commit and date, goenv.go what Go is run with, build.go builds what goes into the
// packages, manual.go the manual, nfpm.go has nfpm make them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.out, "out", "dist", "the `directory` of the packages")
	flag.StringVar(&o.version, "version", "", "the `version`, such as 1.2.3 (default: by git describe)")
	archs := flag.String("arch", "amd64,arm64", "the `architectures`, as Go names them")
	formats := flag.String("format", "deb,rpm", "the `formats`")
	flag.Parse()
	o.archs, o.formats = strings.Split(*archs, ","), strings.Split(*formats, ",")
	packages, err := build(ctx, o)
	for _, path := range packages {
		fmt.Println(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}
