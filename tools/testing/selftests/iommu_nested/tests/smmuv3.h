/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of any IOMMU have to know of an SMMUv3. */
#ifndef IOMMU_NESTED_TESTS_SMMUV3_H
#define IOMMU_NESTED_TESTS_SMMUV3_H

#define HW_INFO_TYPE	IOMMU_HW_INFO_TYPE_ARM_SMMUV3

/* Where the host maps doorbells */
#define MSI_WINDOW	0x08000000ULL
#define MSI_WINDOW_END	0x080fffffULL

#endif
