package keygen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"renraku/cmd/internal/trusted"
	"renraku/slave/credentials"
	"renraku/telegram"
)

// maxEnds is how many certificates that are near their end are named.
const maxEnds = 10

// folder makes, renews or checks the folder of a host.
func (g *generator) folder(host telegram.Host) error {
	name := host.String()
	_, err := os.Stat(g.path(name))
	count := &g.report.Kept
	switch {
	case errors.Is(err, fs.ErrNotExist):
		count, err = &g.report.Made, g.makeFolder(host)
	case err != nil:
	case g.rotating && !g.isRenewed(host):
		count, err = &g.report.Renewed, g.renewFolder(host)
	default:
		err = g.checkFolder(host)
	}
	if err != nil {
		return fmt.Errorf("keys of %s: %w", name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	*count++
	g.done++
	if g.Progress != nil {
		g.Progress(g.done)
	}
	return nil
}

// makeFolder makes a folder beside its place, and moves it there when it is complete.
func (g *generator) makeFolder(host telegram.Host) error {
	making := g.path(temporary(host.String()))
	if err := os.RemoveAll(making); err != nil {
		return err
	}
	if err := os.Mkdir(making, dirMode); err != nil {
		return err
	}
	if err := g.writeFiles(making, host, os.WriteFile); err != nil {
		return err
	}
	return os.Rename(making, g.path(host.String()))
}

// renewFolder replaces the files of a folder. The manager's have the master keys, from which those of the slaves can be made again.
func (g *generator) renewFolder(host telegram.Host) error {
	write := replaceFile
	if host == g.manager {
		write = replaceSurely
	}
	return g.writeFiles(g.path(host.String()), host, write)
}

// writeFiles writes the files of a folder, the keys last.
func (g *generator) writeFiles(dir string, host telegram.Host, write writeFunc) error {
	key, err := credentials.NewKey()
	if err != nil {
		return err
	}
	role := credentials.Slave
	if host == g.manager {
		role = credentials.Manager
	}
	certificate, err := g.authority.Issue(host, role, key, g.Now, g.Now.Add(g.Life))
	if err != nil {
		return err
	}
	keyText, err := credentials.PrivateKeyPEM(key)
	if err != nil {
		return err
	}
	keys := g.keysOf(host)
	for _, f := range []struct {
		name string
		text []byte
		mode fs.FileMode
	}{
		{credentials.AuthorityCertificateFile, credentials.CertificatePEM(g.authority.Certificate.Raw), publicMode},
		{credentials.PrivateKeyFile, keyText, secretMode},
		{credentials.CertificateFile, credentials.CertificatePEM(certificate), publicMode},
		{credentials.KeysFile, keys.Append(nil, host.String()), secretMode},
	} {
		if err := write(filepath.Join(dir, f.name), f.text, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// keysOf is the keys that a host is to have.
func (g *generator) keysOf(host telegram.Host) (k credentials.Keys) {
	if host == g.manager {
		k.Masters = g.masters
		return k
	}
	for i := range g.masters {
		k.SlaveKeys = append(k.SlaveKeys, g.masters[i].Derive(g.manager, host))
	}
	return k
}

// isRenewed says whether an earlier run of this rotation has come to the end with the folder.
func (g *generator) isRenewed(host telegram.Host) bool {
	path := g.path(host.String(), credentials.KeysFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	keys, err := credentials.ParseKeys(path, text)
	return err == nil && keys.Equal(g.keysOf(host))
}

// checkFolder says what is wrong with a folder that is kept, and notes certificates that are near their end.
func (g *generator) checkFolder(host telegram.Host) error {
	dir := g.path(host.String())
	c, err := credentials.Load(dir, trusted.ReadKeyFile, host, g.manager)
	if err == nil && (!c.Authority.Equal(g.authority.Certificate) || !c.Keys.Equal(g.keysOf(host))) {
		err = fmt.Errorf("not made with the authority and the master keys of %s", g.Dir)
	}
	if err != nil {
		return fmt.Errorf("%w; without the folder %s, it is made anew", err, dir)
	}
	if end := credentials.End("the certificate of "+host.String(), c.Certificate, g.Now); end != "" {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.report.Ends = append(g.report.Ends, end)
	}
	return nil
}

// sortEnds has them in the order of their names, and no more than are read.
func sortEnds(ends []string) []string {
	slices.Sort(ends)
	if more := len(ends) - maxEnds; more > 0 {
		return append(ends[:maxEnds], fmt.Sprintf("%d more certificates end soon or have ended", more))
	}
	return ends
}
