/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads for rust/iommu: the headers that rust/bindings does not
 * include, and the helpers.
 */
#ifndef _RUST_IOMMU_BINDINGS_H
#define _RUST_IOMMU_BINDINGS_H

#ifdef CONFIG_X86_64
#include <linux/generic_pt/iommu.h>
#endif
#include <linux/io-pgtable.h>
#include <linux/iommufd.h>
#include <linux/pci-ats.h>
#include <linux/syscore_ops.h>
#include <uapi/linux/iommufd.h>

#include "helpers.h"

/* Macros whose value bindgen does not compute. */
const unsigned long RUST_CONST_HELPER_IO_PGTABLE_QUIRK_ARM_S2FWB =
	IO_PGTABLE_QUIRK_ARM_S2FWB;

#endif
