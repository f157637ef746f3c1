package metrics

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"

	"renraku/cmd/internal/version"
)

// namespace begins the name of every metric that is this program's.
const namespace = "renraku"

// names are the metrics, as METRICS.md explains them.
type names struct {
	build, monitoring, isolated     *prometheus.Desc
	refused                         *prometheus.Desc
	blocked, blockedMaintained      *prometheus.Desc
	servers, maintained             *prometheus.Desc
	serverRunning, serverMaintained *prometheus.Desc
	roundTrips, retried             *prometheus.Desc
	judgements, applications        *prometheus.Desc
	drops, pageDrops, triggerDrops  *prometheus.Desc
	outcomes, runs, waiting         *prometheus.Desc
	length, limit                   *prometheus.Desc
	history, certificates           *prometheus.Desc
}

func name(of, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", of), help, labels, nil)
}

func newNames() names {
	return names{
		build:      name("build_info", "Always 1; the labels say which program this is.", "version", "revision", "go_version"),
		monitoring: name("monitoring", "1 while monitoring goes on."),
		isolated:   name("isolated", "1 while the manager suspects itself of being cut off, and holds its judgement."),
		refused:    name("definition_refused", "1 where the definition that was read last was not taken over: the one before stands."),
		blocked:    name("udp_blocked_servers", "Servers that answer on TCP alone."),
		blockedMaintained: name("maintenance_udp_blocked_servers",
			"Servers in maintenance that answer on TCP alone; renraku_udp_blocked_servers has them too."),

		servers: name("servers", "Servers by their statuses, the manager's own too; none without monitoring.", "operating", "application"),
		maintained: name("maintenance_servers",
			"Servers in maintenance by their operating status; renraku_servers has them too. None without monitoring.", "operating"),
		serverRunning:    name("server_running", "1 where the server is RUNNING, 0 where it is STOPPED; only with host_metrics.", "host"),
		serverMaintained: name("server_maintenance", "1 where the server is in maintenance, else 0; only with host_metrics.", "host"),

		roundTrips: name("poll_round_trip_seconds",
			"From the making of an inquiry to the reading of its answer on UDP, of rounds for which one inquiry was enough."),
		retried: name("poll_retried_total", "Rounds that were answered on UDP after more than one inquiry."),

		judgements:   name("judgements_total", "Changes of a slave's operating status, and why.", "operating", "reason"),
		applications: name("application_changes_total", "Changes of a slave's application execution status."),

		drops:        name("drops_total", "Telegrams and connections that were dropped, and limits that were met, by reason.", "reason"),
		pageDrops:    name("page_drops_total", "What the page refused, or did not tell one by one, by reason.", "reason"),
		triggerDrops: name("trigger_drops_total", "What the triggers lost for want of room, by kind.", "kind"),

		outcomes: name("outcomes_total", "Records of the history since the start of the daemon, by process and outcome.", "process", "outcome"),
		runs:     name("run_duration_seconds", "From an order to its outcome, where that is LAUNCHED or FAILED, by process.", "process"),
		waiting:  name("orders_waiting", "Orders that wait for a place among those in progress."),

		length: name("queue_length", "How much there is of what has a limit.", "queue"),
		limit:  name("queue_limit", "The limit of it.", "queue"),

		history:      name("history_records", "Records of the history."),
		certificates: name("certificate_end_timestamp_seconds", "When a certificate of this server ends; only in sealed mode.", "certificate"),
	}
}

// buildLabels are those of build_info. A commit that the program does not know of itself is "unknown".
func buildLabels() []string {
	v := version.Get()
	return []string{v.Number, cmp.Or(v.Commit, "unknown"), v.Go}
}
