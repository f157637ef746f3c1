package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"renraku/contactfile"
	"renraku/manager"
	"renraku/slave/trigger"
	"renraku/telegram"
)

// undefined stands for processes and statuses that the definition does not have. It has a space, so that none has this name.
const undefined = "not defined"

// collector reads the daemon when somebody asks.
type collector struct {
	names
	source   Source
	labels   []string // of build_info
	followed *outcomes
}

func newCollector(s Source) *collector {
	return &collector{names: newNames(), source: s, labels: buildLabels(), followed: newOutcomes(s.History)}
}

// Describe is prometheus.Collector's.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.build, c.monitoring, c.isolated, c.refused, c.blocked, c.blockedMaintained, c.servers, c.maintained, c.serverRunning,
		c.serverMaintained, c.roundTrips, c.retried, c.judgements, c.applications, c.drops, c.pageDrops, c.triggerDrops, c.outcomes, c.runs, c.waiting, c.length, c.limit, c.history,
		c.certificates} {
		to <- d
	}
}

// telling is one answer while it is made.
type telling chan<- prometheus.Metric

func (to telling) gauge(d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (to telling) counter(d *prometheus.Desc, n uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (to telling) histogram(d *prometheus.Desc, h manager.Histogram, labels ...string) {
	buckets, n := make(map[float64]uint64, len(h.Bounds)), uint64(0)
	for i, bound := range h.Bounds {
		n += h.Counts[i]
		buckets[bound.Seconds()] = n
	}
	n += h.Counts[len(h.Bounds)]
	to <- prometheus.MustNewConstHistogram(d, n, h.Sum/float64(time.Second), buckets, labels...)
}

func (to telling) yes(d *prometheus.Desc, yes bool, labels ...string) {
	value := 0.0
	if yes {
		value = 1
	}
	to.gauge(d, value, labels...)
}

// Collect is prometheus.Collector's.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	to := telling(metrics)
	f := c.source.Manager.Figures()
	known := c.known()
	to.gauge(c.build, 1, c.labels...)
	to.yes(c.monitoring, f.Monitoring)
	to.yes(c.isolated, f.Isolated)
	to.yes(c.refused, c.source.Refused())
	to.gauge(c.blocked, float64(f.UDPBlocked))
	to.gauge(c.blockedMaintained, float64(f.UDPBlockedMaintained))
	c.tellServers(to, known)
	c.tellPolls(to, &f)
	c.tellOrders(to, &f, known)
	c.tellDrops(to)
	c.tellQueues(to, f.Queues)
	c.tellCertificates(to)
}

func (c *collector) tellPolls(to telling, f *manager.Figures) {
	to.histogram(c.roundTrips, f.RoundTrips)
	to.counter(c.retried, f.Retried)
	j := f.Judgements
	to.counter(c.judgements, j.Running, string(contactfile.Running), "answered")
	to.counter(c.judgements, j.Stopped, string(contactfile.Stopped), "said so")
	to.counter(c.judgements, j.Silent, string(contactfile.Stopped), "no answer")
	to.counter(c.applications, j.Application)
}

func (c *collector) tellOrders(to telling, f *manager.Figures, known *known) {
	for process, counts := range c.followed.follow(known) {
		for i, n := range counts {
			to.counter(c.outcomes, n, process, string(counted[i]))
		}
	}
	c.tellRuns(to, f.Runs, known)
	to.gauge(c.waiting, float64(f.OrdersWaiting))
	to.gauge(c.history, float64(c.source.History.Len()))
}

// tellRuns leaves out a process that the definition has lost since the figures were taken.
func (c *collector) tellRuns(to telling, runs map[telegram.ProcessID]manager.Histogram, known *known) {
	for id, h := range runs {
		switch {
		case id == telegram.ProcessID{}:
			to.histogram(c.runs, h, undefined)
		case known.isProcess[id.String()]:
			to.histogram(c.runs, h, id.String())
		}
	}
}

func (c *collector) tellDrops(to telling) {
	for reason, n := range c.source.Manager.Drops().Each() {
		to.counter(c.drops, n, reason.String())
	}
	for reason, n := range c.source.PageDrops() {
		to.counter(c.pageDrops, n, reason)
	}
	d := c.source.Triggers.Dropped()
	to.counter(c.triggerDrops, d.Messages, "messages")
	to.counter(c.triggerDrops, d.Firings, "firings")
	to.counter(c.triggerDrops, d.Cut, "ends of messages")
}

func (c *collector) tellQueues(to telling, queues []manager.Queue) {
	p := c.source.Triggers.Progress()
	queues = append(queues,
		manager.Queue{Name: "messages of the socket", Length: p.Received, Limit: trigger.MaxQueued},
		manager.Queue{Name: "own messages", Length: p.Told, Limit: trigger.MaxQueued},
		manager.Queue{Name: "firings by time", Length: p.Timed, Limit: trigger.MaxFirings},
		manager.Queue{Name: "firings by message", Length: p.ByMessage, Limit: trigger.MaxFirings})
	for _, q := range queues {
		to.gauge(c.length, float64(q.Length), q.Name)
		to.gauge(c.limit, float64(q.Limit), q.Name)
	}
}

func (c *collector) tellCertificates(to telling) {
	if c.source.Security == nil {
		return
	}
	current := c.source.Security.Current()
	to.gauge(c.certificates, float64(current.Certificate.NotAfter.Unix()), "own")
	to.gauge(c.certificates, float64(current.Authority.NotAfter.Unix()), "authority")
}
