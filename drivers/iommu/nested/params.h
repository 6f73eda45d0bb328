/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IOMMU_NESTED_PARAMS_H
#define _IOMMU_NESTED_PARAMS_H

#include <linux/types.h>

/* How a guest is kept from reaching memory around the CPU caches. */
enum iommu_nested_coherency {
	IOMMU_NESTED_COHERENCY_STRICT,
	IOMMU_NESTED_COHERENCY_FLUSH,
	IOMMU_NESTED_COHERENCY_TRUST,
};

extern int iommu_nested_coherency_param;

/* Containers take devices whose interrupts are not isolated. */
extern bool iommu_nested_unsafe_interrupts_param;

#endif
