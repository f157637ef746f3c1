//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// stranger is an address that no definition has.
const stranger = "127.0.0.2"

// laidOut is a telegram, byte for byte as telegram/SPEC.md draws it.
func laidOut(host, kind string, control uint16, rest string) string {
	return fmt.Sprintf("%-64s%s%c%c%s", host, kind, control>>8, control&0xff, rest)
}

func sendUDP(t *testing.T, from, to, data string) {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}).Dial("udp", to)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte(data))
	require.NoError(t, err)
}

// sendTCP sends data on a connection of its own, ends it and waits for the other side's end.
func sendTCP(t *testing.T, from, to, data string) {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", to)
	require.NoError(t, err)
	defer c.Close()
	c.Write([]byte(data)) // the other side may have closed already
	c.(*net.TCPConn).CloseWrite()
	_, _ = c.Read(make([]byte, 1))
}

// awaitDropped waits until a program has dropped exactly this, by its reasons.
func awaitDropped(t *testing.T, p *cmdtest.Process, want map[string]int) {
	t.Helper()
	cmdtest.Until(t, pythonLimit, fmt.Sprintf("dropped: %v", want), func() bool {
		before := strings.Count(p.Stdout(), `{"dropped": `)
		p.Signal(t, syscall.SIGUSR1)
		cmdtest.Until(t, pythonLimit, "the counts", func() bool {
			return strings.Count(completeLines(p.Stdout()), `{"dropped": `) > before
		})
		lines := strings.Split(completeLines(p.Stdout()), "\n")
		var last struct{ Dropped map[string]int }
		require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-2]), &last))
		return reflect.DeepEqual(want, last.Dropped)
	})
}

func TestPythonSlaveCountsWhatItDropsAndAnswersTheRest(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonNoPolls)
	python := pythonSlave(t, f, cmdtest.Second)
	at, me := pythonAddress(f, cmdtest.Second), "127.0.0.1"
	order := laidOut("app02", "XQ", 0x0100, fmt.Sprintf("%-16s", "FAIL"))
	sendUDP(t, stranger, at, laidOut("app02", "SQ", 0x0004, ""))
	sendUDP(t, me, at, laidOut("app01", "SQ", 0x0004, ""))
	sendUDP(t, me, at, laidOut("app02", "SQ", 0x0006, ""))
	sendUDP(t, me, at, laidOut("app 2", "SQ", 0x0004, ""))
	sendUDP(t, me, at, laidOut("app02", "SQ", 0x0004, " "))
	sendUDP(t, me, at, order)
	sendTCP(t, stranger, at, laidOut("app02", "SQ", 0x0004, ""))
	sendTCP(t, me, at, laidOut("app01", "SQ", 0x0004, ""))
	sendTCP(t, me, at, strings.Replace(order, "app02", "app01", 1))
	sendTCP(t, me, at, strings.Replace(order, "FAIL", "\x00AIL", 1))
	sendTCP(t, me, at, laidOut("app02", "SR", 0x0010, ""))
	sendTCP(t, me, at, order[:70])
	dropped := map[string]int{"unknown address": 2, "another host": 3, "control code": 1, "host name": 1, "length": 1,
		"telegram type": 2, "process ID": 1, "cut off": 1}
	awaitDropped(t, python, dropped)
	require.Equal(t, []string{"app02 RUNNING NOT-STARTED"}, f.Contact(t, cmdtest.Second), "none of them was an END")

	sendUDP(t, me, at, laidOut("app02", "SQ", 0x0004, ""))
	f.Await(t, pythonLimit, cmdtest.Second)
	sendUDP(t, me, at, laidOut("app02", "SQ", 0x0001, ""))
	dropped["not monitored"] = 1
	awaitDropped(t, python, dropped)
}

func TestPythonManagerCountsWhatItDrops(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, pythonNoPolls)
	f.Start(t, cmdtest.First)
	f.Start(t, cmdtest.Second)
	manager := pythonManager(t, f, "--interval", "3600")
	running := []string{"mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED"}
	f.AwaitManager(t, pythonLimit, running...)
	at, me := pythonAddress(f, cmdtest.Manager), "127.0.0.1"
	response := laidOut("app01", "SR", 0x0020, fmt.Sprintf("%-24s%-104s", "ONLINE", ""))
	result := laidOut("app01", "XR", 0x1000, fmt.Sprintf("%-16s%-24s%-104s", "ONLINE", "ONLINE", ""))
	sendUDP(t, stranger, at, response)
	sendUDP(t, me, at, strings.Replace(response, "app01", "app03", 1))
	sendUDP(t, me, at, strings.Replace(response, "\x00\x20", "\x00\x10", 1)) // RUNNING
	sendUDP(t, me, at, strings.Replace(response, "ONLINE", "ON\xffINE", 1))
	sendUDP(t, me, at, response[:195]+"\xe8")
	sendUDP(t, me, at, result)
	sendTCP(t, stranger, at, result)
	sendTCP(t, me, at, strings.Replace(result, "app01", "app03", 1))
	sendTCP(t, me, at, laidOut("app01", "XQ", 0x0100, fmt.Sprintf("%-16s", "ONLINE")))
	sendTCP(t, me, at, result[:211])
	awaitDropped(t, manager, map[string]int{"unknown address": 2, "another host": 2, "unasked": 1,
		"application execution status": 1, "text": 1, "telegram type": 2, "cut off": 1})
	require.Equal(t, running, f.Contact(t, cmdtest.Manager))
	require.Empty(t, f.History(t, cmdtest.Manager))
}
