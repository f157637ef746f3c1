package credentials_test

import (
	"testing"
	"time"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
)

// BenchmarkIssue is what a certificate with a key of its own costs renraku keygen.
func BenchmarkIssue(b *testing.B) {
	k, h := slavetest.NewKeys(b, "mgr01"), host(b, "app01")
	now := time.Now()
	for b.Loop() {
		key, err := credentials.NewKey()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Authority.Issue(h, credentials.Slave, key, now, now.Add(credentials.HostLife)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandshake is what both ends of one connection cost together, on loopback.
func BenchmarkHandshake(b *testing.B) {
	k := slavetest.NewKeys(b, "mgr01")
	manager, slave := k.Security(b, "mgr01"), k.Security(b, "app01")
	for b.Loop() {
		client, server := handshake(b, to(manager, host(b, "app01")), slave.Server)
		if client.err != nil || server.err != nil {
			b.Fatal(client.err, server.err)
		}
		client.conn.Close()
		server.conn.Close()
	}
}
