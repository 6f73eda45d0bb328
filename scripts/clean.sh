#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# clean.sh: removes what was built, but neither the toolbox nor the source.
# clean.sh all: removes all of build/.

. "$(dirname "$0")/lib.sh"

[ -d "$build" ] || exit 0
if [ "${1-}" = all ]; then
	remove_tree "$build"
	exit 0
fi
for path in "$build"/*; do
	case ${path##*/} in
	toolbox | src | stamp) ;;
	*) remove_tree "$path" ;;
	esac
done
remove_tree "$build/src/overlay"
