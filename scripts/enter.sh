#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# enter.sh COMMAND...: runs COMMAND in the toolbox chroot, in the same
# directory. The project, KSRC and KDIR appear there under their own paths. The
# mounts live in a private namespace and vanish with the command.

. "$(dirname "$0")/lib.sh"

: "${TOOLBOX_DIR:=$build/toolbox}"

# Second half: inside the private mount namespace.
if [ "${1-}" = --inside ]; then
	shift
	bind() { # SOURCE: at the same path
		mkdir -p "$TOOLBOX_DIR$1"
		mount --bind "$1" "$TOOLBOX_DIR$1"
	}
	bind /proc
	mount --rbind /dev "$TOOLBOX_DIR/dev"
	bind "$root"
	for dir in "$ksrc" "$KDIR"; do
		case $dir in
		"" | "$root"/*) ;;
		*) bind "$dir" ;;
		esac
	done
	# Names and certificates of the host's network, for apt and cargo.
	if [ -s /etc/resolv.conf ]; then
		touch "$TOOLBOX_DIR/etc/resolv.conf"
		mount --bind "$(realpath /etc/resolv.conf)" "$TOOLBOX_DIR/etc/resolv.conf"
	fi
	if [ -d "$TOOLBOX_DIR/etc/ssl/certs" ] && [ -s /etc/ssl/certs/ca-certificates.crt ]; then
		bind /etc/ssl/certs
	fi
	environment=()
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		[ -z "${!name-}" ] || environment+=("$name=${!name}")
	done
	exec chroot "$TOOLBOX_DIR" env -i -C "$ENTER_CWD" "${environment[@]}" \
		HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		LIBCLANG_PATH="/usr/lib/llvm$LLVM/lib" CARGO_HOME="$build/cargo" \
		DEBIAN_FRONTEND=noninteractive "$@"
fi

[ "$(id -u)" = 0 ] || die "the toolbox chroot needs root: run as root, or with TOOLBOX=host"
[ -d "$TOOLBOX_DIR" ] || die "no toolbox yet: run make toolbox, or use TOOLBOX=host"
case $PWD/ in
"$root"/*) ENTER_CWD=$PWD ;;
*) ENTER_CWD=$root ;;
esac
[ -z "${ENTER_FROM_ROOT-}" ] || ENTER_CWD=/
export ENTER_CWD TOOLBOX_DIR KSRC KDIR LLVM
unshare --mount true 2>/dev/null ||
	die "mounting is not allowed here (a container?): use TOOLBOX=host"
exec unshare --mount --propagation private "$0" --inside "$@"
