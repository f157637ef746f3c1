#!/bin/sh
# After the files are gone. dpkg says "remove", "purge" or others; rpm says how many versions are there. Only a purge takes what the daemon
# has written, the definition, the keys and the user.
set -e

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
[ "$1" = purge ] || exit 0

command -v update-rc.d >/dev/null 2>&1 && update-rc.d renrakud remove >/dev/null
for unit in renrakud renraku-slave renraku-manager; do
	rm -f "/etc/systemd/system/multi-user.target.wants/$unit.service"
	rm -rf "/etc/systemd/system/$unit.service.d"
done
rm -rf /var/lib/renraku /var/log/renraku /etc/renraku
rm -f /var/run/renrakud.pid
if getent passwd renraku >/dev/null; then
	userdel renraku || true
fi
if getent group renraku >/dev/null; then
	groupdel renraku || true
fi
