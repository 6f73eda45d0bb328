/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of any IOMMU have to know of VT-d. */
#ifndef IOMMU_NESTED_TESTS_VTD_H
#define IOMMU_NESTED_TESTS_VTD_H

#include <linux/iommufd.h>

#include "../lib/vtd.h"

#define HW_INFO_TYPE	IOMMU_HW_INFO_TYPE_INTEL_VTD

#define HW_INFO		struct iommu_hw_info_vtd

/* Whether it can record which pages were written to */
static inline bool tracks_dirty(const HW_INFO *info)
{
	return ECAP_SLADS(info->ecap_reg);
}

/* What is written here is an interrupt. */
#define MSI_WINDOW	0xfee00000ULL
#define MSI_WINDOW_END	0xfeefffffULL

#endif
