/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _RUST_IOMMU_SMMU_V3_HELPERS_H
#define _RUST_IOMMU_SMMU_V3_HELPERS_H

#include <linux/device.h>
#include <linux/types.h>

/*
 * The model and the flags of the SMMUv3 node in ACPI's IORT that @dev was made
 * from; -ENODEV if it was not.
 */
int rust_helper_iort_smmu_v3(struct device *dev, u32 *model, u32 *flags);

typedef void (*iort_rmr_sid_fn)(u32 sid, void *arg);

/* Calls @fn for each StreamID in IORT's RMR nodes that name the SMMU @dev. */
void rust_helper_iort_visit_rmr_sids(struct device *dev, iort_rmr_sid_fn fn,
				     void *arg);

#endif
