/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of any IOMMU have to know of VT-d. */
#ifndef IOMMU_NESTED_TESTS_VTD_H
#define IOMMU_NESTED_TESTS_VTD_H

#define HW_INFO_TYPE	IOMMU_HW_INFO_TYPE_INTEL_VTD

/* What is written here is an interrupt. */
#define MSI_WINDOW	0xfee00000ULL
#define MSI_WINDOW_END	0xfeefffffULL

#endif
