package definition

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheModeIsPlainUnlessTheDefinitionSaysSealed(t *testing.T) {
	for text, want := range map[string]Security{
		"":                                     {Plain, "/etc/renraku/keys"},
		"[security]\n":                         {Plain, "/etc/renraku/keys"},
		"[security]\nmode = \"plain\"\n":       {Plain, "/etc/renraku/keys"},
		"[security]\nmode = \"sealed\"\n":      {Sealed, "/etc/renraku/keys"},
		"[security]\nkeys = \"/k/{host}/x\"\n": {Plain, "/k/{host}/x"},
	} {
		d := parse(t, head+text)
		assert.Equal(t, want, d.Security, text)
	}
	assert.Equal(t, "plain sealed", Plain.String()+" "+Sealed.String())
}

func TestEachHostHasAFolderOfKeysOfItsOwnWhereThePathHasItsName(t *testing.T) {
	d := parse(t, head+"[security]\nkeys = \"/k/{host}/x\"\n")
	assert.Equal(t, "/k/app01/x", d.Security.KeysOf("app01"))
	d = parse(t, head)
	assert.Equal(t, "/etc/renraku/keys", d.Security.KeysOf("app01"))
}

func TestAPlainHostMayHaveANameThatIsNoFileName(t *testing.T) {
	d := parse(t, head+"[[slave]]\nhost = \"a/b\"\naddress = \"a\"\n")
	assert.Equal(t, "a/b", d.Slaves[0].Host)
}
