#!/bin/sh
# After the files are in place: at dpkg's "configure", and where rpm says how many versions there are now. What runs is restarted; nothing
# else is started, since there may be no definition yet.
set -e

case "$1" in
configure | [1-9]*) ;;
*) exit 0 ;;
esac

if command -v systemd-sysusers >/dev/null 2>&1; then
	systemd-sysusers renraku.conf
fi
getent group renraku >/dev/null || groupadd --system renraku
getent passwd renraku >/dev/null ||
	useradd --system --gid renraku --home-dir /var/lib/renraku --no-create-home --shell /usr/sbin/nologin --comment renraku renraku
if command -v systemd-tmpfiles >/dev/null 2>&1; then
	systemd-tmpfiles --create renraku.conf
else
	install -d -m 2750 -o renraku -g renraku /var/lib/renraku /var/lib/renraku/runs
	install -d -m 0750 -o root -g renraku /etc/renraku/keys
fi

# A daemon that does not start again is no reason to call the installation a failure.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	for unit in renrakud renraku-slave renraku-manager; do
		if systemctl is-active --quiet "$unit.service"; then
			deb-systemd-invoke restart "$unit.service" 2>/dev/null || systemctl restart "$unit.service" || true
		fi
	done
elif /etc/init.d/renrakud status >/dev/null 2>&1; then
	if command -v invoke-rc.d >/dev/null 2>&1; then
		invoke-rc.d renrakud restart || true
	else
		/etc/init.d/renrakud restart || true
	fi
fi

if [ ! -e /etc/renraku/renraku.toml ]; then
	cat <<-'END'
		renraku has no definition yet, and is not started. Write /etc/renraku/renraku.toml (/etc/renraku/renraku.toml.example is one), and then:
		  systemctl enable --now renraku-slave    on a slave none of whose processes has a `user`
		  systemctl enable --now renraku-manager  on a manager none of whose own processes has one
		  systemctl enable --now renrakud         on any other server: as root
		Without systemd: /etc/init.d/renrakud start, as RENRAKUD_USER of the file of flags says.
	END
fi

if command -v update-rc.d >/dev/null 2>&1; then
	update-rc.d renrakud defaults >/dev/null
elif command -v chkconfig >/dev/null 2>&1 && [ ! -d /run/systemd/system ]; then
	chkconfig --add renrakud
fi
