//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"
)

// The names of the control bits that the sessions use.
const (
	check, start, end           = 0x0001, 0x0002, 0x0004
	running, stopped            = 0x0010, 0x0020
	launch, taken               = 0x0100, 0x0200
	ended, launched, failed     = 0x0800, 0x1000, 0x2000
	already, refused            = 0x4000, 0x8000
	ms                          = time.Millisecond
	manager4, slave4            = "192.0.2.10", "192.0.2.11"
	manager6, slave6            = "[2001:db8::10]", "[2001:db8::12]"
	ourPort, aPort, anotherPort = ":10320", ":50001", ":50002"
)

// sessions make the captures of testdata/captures, by their names.
var sessions = map[string]func(testing.TB) *recording{
	"status-control":    statusControlSession,
	"execution-control": executionControlSession,
	"delivery":          deliverySession,
	"bad":               badSession,
	"sealed":            sealedSession,
}

func statusControlSession(t testing.TB) *recording {
	r := newRecording(t)
	manager, app01 := manager4+ourPort, slave4+ourPort
	manager2, app02 := manager6+ourPort, slave6+ourPort
	// app01 starts and says so; the manager takes the hint. app02 is monitored as well, over IPv6.
	r.udp(0, app01, manager, wireSR("app01", running, "NOT-STARTED", ""))
	r.udp(ms, manager, app01, wireSQ("app01", start))
	r.udp(ms/2, app01, manager, wireSR("app01", running, "NOT-STARTED", ""))
	r.udp(3*ms, manager2, app02, wireSQ("app02", start))
	r.udp(ms, app02, manager2, wireSR("app02", running, "BATCH", ""))
	// An answer is lost, and the retry answered, from another port; that answer comes twice.
	r.udp(9995*ms, manager, app01, wireSQ("app01", check))
	r.udp(ms/2, app01, manager, wireSR("app01", running, "ONLINE", ""))
	r.udp(3*ms, manager2, app02, wireSQ("app02", check))
	r.udp(1000*ms, manager2, app02, wireSQ("app02", check))
	answer := wireSR("app02", running, "BATCH", "")
	r.udp(2*ms, slave6+aPort, manager2, answer)
	r.udp(ms, slave6+aPort, manager2, answer)
	// A flipped bit costs one answer.
	r.udp(9000*ms, manager, app01, strings.Replace(wireSQ("app01", check), "app01", "app\xb01", 1))
	r.udp(1000*ms, manager, app01, wireSQ("app01", check))
	r.udp(ms/2, app01, manager, wireSR("app01", running, "ONLINE", ""))
	// The slave's server is gone: two retries, then START once in each interval. It comes back.
	first := r.udp(9000*ms, manager, app01, wireSQ("app01", check))
	r.unreachable(ms/4, app01, manager, first)
	retry := r.udp(1000*ms, manager, app01, wireSQ("app01", check))
	r.unreachable(ms/4, app01, manager, retry)
	r.udp(1000*ms, manager, app01, wireSQ("app01", check))
	r.udp(8000*ms, manager, app01, wireSQ("app01", start))
	r.udp(10000*ms, manager, app01, wireSQ("app01", start))
	r.udp(3000*ms, app01, manager, wireSR("app01", running, "ONLINE", ""))
	r.udp(ms, manager, app01, wireSQ("app01", start))
	r.udp(ms/2, app01, manager, wireSR("app01", running, "ONLINE", ""))
	// Two inquiries are on their way at once. Then app02's operator ends monitoring there.
	r.udp(9000*ms, manager2, app02, wireSQ("app02", check))
	r.udp(ms, manager, app01, wireSQ("app01", check))
	r.udp(ms, app01, manager, wireSR("app01", running, "ONLINE", ""))
	r.udp(ms, app02, manager2, wireSR("app02", running, "NOT-STARTED", ""))
	r.udp(4000*ms, app02, manager2, wireSR("app02", stopped, "NOT-STARTED", "ended by the operator 終了"))
	r.udp(6000*ms, manager2, app02, wireSQ("app02", start))
	r.udp(ms, app02, manager2, wireSR("app02", stopped, "NOT-STARTED", "ended by the operator 終了"))
	// The end of monitoring, while CHECK is on its way. The answer to that, RUNNING, is none to END.
	r.udp(5000*ms, manager, app01, wireSQ("app01", check))
	r.udp(300*ms, manager, app01, wireSQ("app01", end))
	r.udp(ms, app01, manager, wireSR("app01", running, "", ""))
	r.udp(1000*ms, manager, app01, wireSQ("app01", end))
	r.udp(ms, app01, manager, wireSR("app01", stopped, "", "ended by the manager"))
	r.udp(ms, manager2, app02, wireSQ("app02", end))
	r.udp(ms, app02, manager2, wireSR("app02", stopped, "NOT-STARTED", ""))
	return r
}

func executionControlSession(t testing.TB) *recording {
	r := newRecording(t)
	c := r.dial(0, manager4+aPort, slave4+ourPort)
	// The order comes in odd segments, which end before and behind the type; those of the result come in the wrong order.
	c.send(ms, there, wireXQ("app01", launch, "ONLINE"), 1, 64, 2, 16)
	result := wireXR("app01", launched, "ONLINE", "ONLINE", "")
	one, two, three := c.segment(back, result[:67]), c.segment(back, result[67:100]), c.segment(back, result[100:])
	r.frame(1500*ms, one)
	r.frame(ms/10, three)
	r.frame(ms/10, two)
	// The receipt and the next order are one segment, which is sent twice.
	both := c.segment(there, wireXQ("app01", taken, "ONLINE")+wireXQ("app01", launch, "NIGHTBATCH"))
	r.frame(ms, both)
	r.frame(200*ms, both)
	// An ENDED on this connection is the report of an earlier run, and not the answer.
	c.send(ms, back, wireXR("app01", ended, "NIGHTBATCH", "NOT-STARTED", "exit status 0"))
	c.send(ms, there, wireXQ("app01", taken, "NIGHTBATCH"))
	c.send(ms, back, wireXR("app01", refused, "NIGHTBATCH", "NOT-STARTED", "状態が違う"), 211)
	c.send(ms, there, wireXQ("app01", taken, "NIGHTBATCH"))
	// Inquiries by TCP: two and a half in one segment, and so are their answers.
	c.send(ms, there, wireSQ("app01", start)+wireSQ("app01", check)+wireSQ("app01", check), 170)
	c.send(ms, back, wireSR("app01", running, "ONLINE", "")+wireSR("app01", running, "ONLINE", "")+wireSR("app01", running, "", ""), 500)
	c.end(ms)
	// Another connection, over IPv6.
	c = r.dial(ms, manager6+aPort, slave6+ourPort)
	c.send(ms, there, wireXQ("app02", launch, "ONLINE"))
	c.send(ms, back, wireXR("app02", already, "ONLINE", "ONLINE", "it is running"))
	c.send(ms, there, wireXQ("app02", taken, "ONLINE"))
	c.end(ms)
	return r
}

func deliverySession(t testing.TB) *recording {
	r := newRecording(t)
	manager, app01 := manager4+ourPort, slave4+ourPort
	// The manager is killed while its order runs.
	c := r.dial(0, manager4+aPort, app01)
	c.send(ms, there, wireXQ("app01", launch, "ONLINE"))
	c.reset(2000*ms, there)
	// The slave delivers its results. That of a run of its own trigger answers no order.
	c = r.dial(7000*ms, slave4+aPort, manager)
	c.send(ms, there, wireXR("app01", failed, "ONLINE", "NOT-STARTED", "exit status 3: disk full (MESSAGE 10:43:05.123)"))
	c.send(5*ms, back, wireXQ("app01", taken, "ONLINE"))
	// The connection ends without a receipt of the next one, so that it delivers the same bytes again.
	result := wireXR("app01", launched, "ONLINE", "ONLINE", "")
	c.send(ms, there, result)
	c.reset(ms, back)
	c = r.dial(1000*ms, slave4+anotherPort, manager)
	c.send(ms, there, result)
	c.send(5*ms, back, wireXQ("app01", taken, "ONLINE"))
	c.send(ms, there, wireXR("app01", ended, "ONLINE", "NOT-STARTED", ""))
	c.send(5*ms, back, wireXQ("app01", taken, "ONLINE"))
	c.end(ms)
	// An older result, of an order that the capture has not, comes while the next order waits for its own.
	waiting := r.dial(1000*ms, manager4+anotherPort, app01)
	waiting.send(ms, there, wireXQ("app01", launch, "ONLINE"))
	c = r.dial(ms, slave4+":50003", manager)
	c.send(ms, there, wireXR("app01", failed, "ONLINE", "NOT-STARTED", "exit status 1"))
	c.send(5*ms, back, wireXQ("app01", taken, "ONLINE"))
	c.end(ms)
	waiting.send(3000*ms, back, wireXR("app01", launched, "ONLINE", "ONLINE", ""))
	waiting.send(ms, there, wireXQ("app01", taken, "ONLINE"))
	// The same bytes once more, but the answer to another order.
	waiting.send(2000*ms, there, wireXQ("app01", launch, "ONLINE"))
	waiting.send(3000*ms, back, wireXR("app01", launched, "ONLINE", "ONLINE", ""))
	waiting.send(ms, there, wireXQ("app01", taken, "ONLINE"))
	waiting.end(ms)
	return r
}

func badSession(t testing.TB) *recording {
	r := newRecording(t)
	manager, app01 := manager4+ourPort, slave4+ourPort
	// Datagrams: too short, a trailer, a type of a later version, two bits, a text that its field cuts.
	r.udp(0, manager, app01, "hello")
	r.udp(ms, manager, app01, wireSQ("app01", check)+"trailer")
	r.udp(ms, manager, app01, wireHeader("app01", "NQ", 0x0001)+"new")
	r.udp(ms, app01, manager, wireSR("app01", running|stopped, "ONLINE", ""))
	r.udp(ms, app01, manager, wireSR("app01", running, "ONLINE", strings.Repeat("x", 102)+"\xe6\x9c"))
	r.udp(ms, app01, manager, wireSR("app01", running, "ON LINE", "\xc2\x85"))
	r.udp(ms, app01, manager, wireSR("app01", running, "ONLINE", "\xc2\x85"))
	// In a stream. A bad field costs its telegram alone; the next one in the same segment is good.
	c := r.dial(ms, manager4+aPort, app01)
	c.send(ms, there, wireXQ("app01", launch, "ON\x00LINE")+wireXQ("app01", launch, "ONLINE"))
	c.send(ms, back, wireXR("app01", launched, "ONLINE", "ONLINE", "\xed\xa0\x80"))
	// With a bad type nobody knows where the next telegram begins. The first segment that has a type at its place is taken.
	bad := strings.Replace(wireXQ("app01", taken, "ONLINE"), "XQ", "X!", 1)
	c.send(ms, there, wireXQ("app01", taken, "ONLINE")+bad, 164)
	c.send(ms, there, wireXQ("app01", launch, "NIGHTBATCH"))
	c.send(ms, back, wireXR("app01", launched, "NIGHTBATCH", "BATCH", ""))
	// A second receipt has nothing to take. Then the other direction goes wrong and stays so.
	c.send(ms, there, wireXQ("app01", taken, "NIGHTBATCH")+wireXQ("app01", taken, "NIGHTBATCH"), 10)
	c.send(ms, back, strings.Replace(wireXR("app01", ended, "NIGHTBATCH", "", ""), "XR", "xr", 1), 100)
	c.reset(ms, there)
	return r
}

func sealedSession(t testing.TB) *recording {
	const session, term, start9 = 0x8f3c52a17be0649d, 5, 9
	r := newRecording(t)
	manager, app01 := manager4+ourPort, slave4+ourPort
	inquiry := func(after time.Duration, control uint16, sequence uint64) string {
		b := wireSealed(wireSQ("app01", control), wireTrailer{1, session, sequence, term})
		r.udp(after, manager, app01, b)
		return b
	}
	answer := func(after time.Duration, control uint16, sequence uint64) string {
		b := wireSealed(wireSR("app01", control, "ONLINE", ""), wireTrailer{1, session, sequence, start9})
		r.udp(after, app01, manager, b)
		return b
	}
	hint := func(after time.Duration, control uint16, sequence uint64) {
		r.udp(after, app01, manager, wireSealed(wireSR("app01", control, "ONLINE", ""), wireTrailer{1, 0, sequence, start9}))
	}
	// The example of the specification. Then the slave starts, says so, and is asked at once.
	r.udp(0, manager, app01, wireSealed(wireSQ("app01", start), wireTrailer{1, session, 1, term}))
	hint(3*ms, running, 1)
	inquiry(ms, start, 2)
	answer(ms, running, 2)
	// The answer to the first attempt comes after the second attempt, and the other one too: each has the numbers of its own.
	inquiry(9000*ms, check, 3)
	inquiry(1000*ms, check, 4)
	late := answer(ms, running, 3)
	answer(ms, running, 4)
	// Somebody plays one of them again, without an inquiry and with one; he knows no key, and changes what he sends.
	r.udp(1000*ms, app01, manager, late)
	inquiry(8000*ms, check, 5)
	r.udp(ms, app01, manager, late)
	r.udp(ms, app01, manager, late[:196]+"HBA2"+late[200:])
	r.udp(ms, app01, manager, late[:200]+"\x02"+late[201:])
	r.udp(ms, app01, manager, late[:201]+"\x81"+late[202:])
	r.udp(ms, app01, manager, late[:201]+"\x00"+late[202:])
	r.udp(ms, app01, manager, late[:195]+"\n"+late[196:])
	r.udp(ms, app01, manager, late[:243])
	answer(ms, running, 5)
	// Another key, from the next round on. The slave shuts down, says so, and stays for the inquiry.
	r.udp(9000*ms, manager, app01, wireSealed(wireSQ("app01", check), wireTrailer{2, session, 6, term}))
	r.udp(ms, app01, manager, wireSealed(wireSR("app01", running, "ONLINE", ""), wireTrailer{2, session, 6, start9}))
	hint(2000*ms, stopped, 2)
	inquiry(ms, check, 7)
	answer(ms, stopped, 7)
	return r
}
