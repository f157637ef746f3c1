#!/bin/sh
### BEGIN INIT INFO
# Provides:          renrakud
# Required-Start:    $remote_fs $network
# Required-Stop:     $remote_fs $network
# Should-Start:      $named $time
# Should-Stop:       $named
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: renraku daemon
# Description:       The daemon of renraku on this server: slave or manager, by the definition.
### END INIT INFO
#
# chkconfig: 2345 85 15
# description: The daemon of renraku on this server: slave or manager, by the definition.
#
# For servers without systemd. It needs nothing but a shell and coreutils, util-linux and procps. The exit statuses are those of the LSB.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
daemon=/usr/sbin/renrakud
definition=/etc/renraku/renraku.toml
state=/var/lib/renraku
logs=/var/log/renraku
log=$logs/renrakud.log
pidfile=/var/run/renrakud.pid
start_wait=30 # seconds
stop_wait=90  # a manager tells every slave END, with all retries, and orders in progress are waited for

RENRAKUD_OPTIONS=
RENRAKUD_USER=root
for file in /etc/default/renraku /etc/sysconfig/renraku; do
	[ ! -r "$file" ] || . "$file"
done

# Where systemd runs, the unit that is active or enabled is meant, and that of any server where none is.
if [ -d /run/systemd/system ] && [ -n "$1" ]; then
	for query in is-active is-enabled; do
		for unit in renraku-slave renraku-manager renrakud; do
			! systemctl --quiet "$query" "$unit.service" 2>/dev/null || break 2
		done
	done
	exec systemctl "$1" "$unit.service"
fi

# running says whether the daemon of the PID file runs, and sets pid. A number alone says nothing: another process may have it by now.
# The parents of runs have the same program under another name, and outlive the daemon.
running() {
	pid=
	[ -r "$pidfile" ] && read -r pid <"$pidfile" && [ -n "$pid" ] || return 1
	[ "$(tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | head -n 1)" = "$daemon" ]
}

# launch gives its place to the daemon, so that the number of the process stays. chroot is the one program that every coreutils has to
# change the user without a process between.
launch() {
	cd / || exit 1
	as=
	[ "$RENRAKUD_USER" = root ] || as="chroot --userspec=$RENRAKUD_USER:renraku --groups=renraku /"
	exec env -i PATH="$PATH" LANG="${LANG:-C}" $as setsid "$daemon" $RENRAKUD_OPTIONS </dev/null >>"$log" 2>&1
}

# new is what the daemon has logged since its start.
new() { tail -c +"$before" "$log"; }

start() {
	if running; then
		echo "renrakud runs already, as process $pid"
		return 0
	fi
	[ -x "$daemon" ] || { echo "renrakud: no $daemon" >&2; return 5; }
	case " $RENRAKUD_OPTIONS" in
	*" --config"*) ;;
	*) [ -e "$definition" ] || { echo "renrakud: no definition: write $definition; $definition.example is one" >&2; return 6; } ;;
	esac
	install -d -m 0750 -o root -g renraku "$logs" && touch "$log" && chmod 0640 "$log" && chown "$RENRAKUD_USER:renraku" "$log" || return 4
	# What a daemon that ran as root has left belongs to root. A file with another name may be anybody's: a run can link to it where the
	# kernel lets it.
	[ "$RENRAKUD_USER" = root ] ||
		find "$state" -xdev \( -type d -o -links 1 \) -exec chown -h "$RENRAKUD_USER:renraku" {} + || return 4
	before=$(($(wc -c <"$log") + 1))
	launch &
	pid=$!
	echo "$pid" >"$pidfile"
	tries=$((start_wait * 10))
	while [ "$tries" -gt 0 ]; do
		if new | grep -q -e 'msg=ready ' -e '"msg":"ready"'; then
			echo "renrakud is ready, as process $pid"
			return 0
		fi
		if ! kill -0 "$pid" 2>/dev/null; then
			rm -f "$pidfile"
			echo "renrakud did not start; $log says:" >&2
			new >&2
			return 1
		fi
		sleep 0.1
		tries=$((tries - 1))
	done
	echo "renrakud runs as process $pid, but was not ready within $start_wait s: see $log" >&2
	return 1
}

# stop ends the daemon alone: what it has started goes on, and the next daemon takes up the results.
stop() {
	if ! running; then
		rm -f "$pidfile"
		echo "renrakud does not run"
		return 0
	fi
	kill -TERM "$pid"
	tries=$((stop_wait * 10))
	while running; do
		if [ "$tries" -eq 0 ]; then
			echo "renrakud has not ended within $stop_wait s, and is killed" >&2
			kill -KILL "$pid"
		fi
		[ "$tries" -gt -50 ] || return 1
		sleep 0.1
		tries=$((tries - 1))
	done
	rm -f "$pidfile"
	echo "renrakud has ended"
}

status() {
	if running; then
		echo "renrakud runs as process $pid"
		return 0
	fi
	if [ -e "$pidfile" ]; then
		echo "renrakud does not run, but $pidfile is there"
		return 1
	fi
	echo "renrakud does not run"
	return 3
}

reload() {
	running || { echo "renrakud does not run" >&2; return 7; }
	kill -HUP "$pid" && echo "renrakud reads its definition again: $log says how that went"
}

case "$1" in
start | stop | status | reload) "$1" ;;
force-reload) reload ;;
restart) stop && start ;;
try-restart | condrestart) ! running || { stop && start; } ;;
*)
	echo "usage: $0 start|stop|restart|try-restart|reload|force-reload|status" >&2
	exit 2
	;;
esac
