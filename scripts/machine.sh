# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # sourced: the variables are for the scripts
#
# What all emulated machines of ARCH have in common.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

edu=edu,dma_mask=0xffffffffffffffff

# Properties of VT-d: QEMU's unit has one stage or the other.
second_stage=scalable-mode=on
first_stage=scalable-mode=on,fsts=on,pasid-bits=20

# The two serial lines are for what runs in the machine and for the kernel.
case $ARCH in
arm64)
	board=virt,gic-version=3,iommu=smmuv3 cpu=max,pauth-impdef=on uart=ttyAMA
	unsafe=()
	;;
x86_64)
	board=q35,kernel-irqchip=off cpu=max uart=ttyS
	# Without interrupt remapping a device's messages can be any interrupt.
	unsafe=(iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1)
	;;
esac
machine_parameters="console=${uart}1 loglevel=7 panic=-1 deferred_probe_timeout=60 ${unsafe[*]}"
