# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the suites of VT-d share.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

# selftests_on PROPERTY,... NAME ARGUMENT...: the selftests on such a remapping unit.
# Each where it is of most use: four processors do more at once, and one jumps over
# the time that DMA takes.
selftests_on() {
	local name=$2
	export VTD=$1
	shift 2

	on_x86_64 guest "$name" x86_64 vtd nested.params=allow_unsafe_interrupts=1 \
		"nested.args=$(IFS=, && echo "-F,stress${*:+,$*}")"
	SMP=4 on_x86_64 guest "$name-smp4" x86_64 vtd nested.params=allow_unsafe_interrupts=1 \
		nested.args=-f,stress,-f,lifetime,-t,two_processes,-f,type1
}

# dma_api_on PROPERTY,... NAME: the DMA API on such a remapping unit
dma_api_on() {
	local name=$2 sum
	export VTD=$1

	sum=$("$root/scripts/disk.sh" | sha256sum)
	sum=${sum%% *}
	on_x86_64 guest "$name-strict" x86_64 dma-api iommu.strict=1 "nested.expect=DMA,$sum"
	on_x86_64 guest "$name-lazy" x86_64 dma-api iommu.strict=0 "nested.expect=DMA-FQ,$sum"
	TRACE=vtd_dmar_enable on_x86_64 guest "$name-identity" x86_64 dma-api \
		iommu.passthrough=1 "nested.expect=identity,$sum"
	try "the unit is off when the machine is" \
		ends_with "$name-identity" vtd_dmar_enable "enable 0"
}
