# SPDX-License-Identifier: Apache-2.0
# What quickstart and run-tests share; sourced from the top of the tree.

# What a build needs, and what vecstore serve needs, as Debian packages.
build_packages="autoconf automake libtool pkg-config gcc libc6-dev make
	libsqlite3-dev libjson-c-dev libfcgi-dev zlib1g-dev libinih-dev libssl-dev libjwt-dev python3 python3-yaml"
serve_packages="lighttpd lighttpd-mod-openssl curl"

say() {
	printf '%s\n' "$*" >&2
}

fail() {
	say "$program: $*"
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "not root, and no sudo: run as root: $*"
	fi
}

installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need PACKAGE…: installs those that are missing. Where there is no apt, configure says what is missing.
need() {
	command -v dpkg-query >/dev/null || return 0
	missing=
	for package; do
		installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "$program: installing$missing"
	# Debian starts a server of its own as soon as one of these is installed. Nobody asked for that one.
	unasked=
	for package in lighttpd slapd glewlwyd; do
		case " $missing " in *" $package "*) unasked="$unasked $package" ;; esac
	done
	as_root apt-get -qq update </dev/null || say "$program: apt-get update failed; trying with the lists that are there"
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install $missing </dev/null >/dev/null || fail "apt-get could not install:$missing"
	for package in $unasked; do
		if [ -d /run/systemd/system ]; then
			as_root systemctl --quiet disable --now "$package" </dev/null || :
		else
			as_root "/etc/init.d/$package" stop </dev/null >/dev/null 2>&1 || :
		fi
	done
}

# build FOLDER [CONFIGURE-FLAG…]: builds there and installs into FOLDER/root. What is up to date stays as it is.
build() {
	folder=$1
	shift
	mkdir -p "$folder" m4
	log=$PWD/$folder/build.log
	: >"$log"
	flags="--prefix=$PWD/$folder/root $*"
	if [ ! -x configure ] || [ configure.ac -nt configure ]; then
		say "$program: autoreconf"
		logged autoreconf -fi
	fi
	if [ ! -f "$folder/config.status" ] || [ "$(cat "$folder/flags" 2>/dev/null)" != "$flags" ]; then
		say "$program: configure${*:+ $*}"
		(cd "$folder" && logged ../configure --quiet "--prefix=$PWD/root" "$@")
		printf '%s\n' "$flags" >"$folder/flags"
	fi
	say "$program: make"
	logged make -C "$folder" -j"$(nproc)"
	logged make -C "$folder" install
}

# Runs a command with its output in $log, of which the end is shown when it fails.
logged() {
	"$@" </dev/null >>"$log" 2>&1 && return
	tail -n 40 "$log" >&2
	fail "$1 failed; all of its output is in $log"
}
