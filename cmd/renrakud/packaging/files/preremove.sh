#!/bin/sh
# Before the files go. dpkg says "remove", "upgrade" or others; rpm says how many versions stay. At an upgrade the daemon goes on until the
# new one is in place. Whatever it has started goes on in any case.
set -e

case "$1" in
remove | deconfigure | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
	for unit in renrakud renraku-slave renraku-manager; do
		deb-systemd-invoke stop "$unit.service" 2>/dev/null || systemctl stop "$unit.service" || true
		[ "$1" != 0 ] || systemctl disable "$unit.service" || true
	done
elif command -v invoke-rc.d >/dev/null 2>&1; then
	invoke-rc.d renrakud stop || true
elif [ -x /etc/init.d/renrakud ]; then
	/etc/init.d/renrakud stop || true
fi
if [ "$1" = 0 ] && command -v chkconfig >/dev/null 2>&1 && [ ! -d /run/systemd/system ]; then
	chkconfig --del renrakud || true
fi
