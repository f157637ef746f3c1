package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"renraku/cmd/internal/definition"
)

func TestValidateSaysWhereThePageIsAndWhoCanOrderFromIt(t *testing.T) {
	for _, c := range []struct {
		name string
		web  definition.Web
		want string
	}{
		{"none", definition.Web{}, "page: none (no [web])"},
		{"to look at", definition.Web{Listen: "127.0.0.1:10380"},
			"page: http://127.0.0.1:10380/ at the manager; nothing can be ordered from it (no token_file)"},
		{"to order from", definition.Web{Listen: "[::1]:10380", TokenFile: "/etc/renraku/web-token"},
			"page: http://[::1]:10380/ at the manager; orders with the token in /etc/renraku/web-token"},
		{"for everybody", definition.Web{Listen: "0.0.0.0:10380"},
			"page: http://0.0.0.0:10380/ at the manager; nothing can be ordered from it (no token_file); " +
				"others than the manager's machine reach it, and nothing on the way is encrypted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, describeWeb(&definition.Definition{Web: c.web}))
		})
	}
}
