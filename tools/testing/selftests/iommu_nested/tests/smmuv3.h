/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of any IOMMU have to know of an SMMUv3. */
#ifndef IOMMU_NESTED_TESTS_SMMUV3_H
#define IOMMU_NESTED_TESTS_SMMUV3_H

#include <linux/iommufd.h>

#include "../lib/smmuv3.h"

#define HW_INFO_TYPE	IOMMU_HW_INFO_TYPE_ARM_SMMUV3

#define HW_INFO		struct iommu_hw_info_arm_smmuv3

/* Whether it can record which pages were written to */
static inline bool tracks_dirty(const HW_INFO *info)
{
	return IDR0_HTTU(info->idr[0]) == 2;
}

/* Where the host maps doorbells */
#define MSI_WINDOW	0x08000000ULL
#define MSI_WINDOW_END	0x080fffffULL

#endif
