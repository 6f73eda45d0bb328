#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the remapping unit of VT-d that runs beside QEMU: build/vtd-unit/debug/vtd-unit.

. "$(dirname "$0")/lib.sh"

unit=$root/tools/testing/vtd-unit
driver=$root/drivers/iommu/nested

compile() {
	tools cargo build --manifest-path "$unit/Cargo.toml" --target-dir "$build/vtd-unit" --locked
}

unless_fresh vtd-unit "$build/vtd-unit/debug/vtd-unit" "$unit" "$root/tools/testing/host" \
	"$driver"/{common,common.rs,ids.rs,vtd} "$build/stamp/toolbox"
step vtd-unit "a remapping unit beside QEMU" compile
done_fresh
